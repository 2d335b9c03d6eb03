-- 1,000,000 rows of 30 float8 columns with a learnable label; the same rows each time.
DROP TABLE IF EXISTS tx CASCADE;
CREATE TABLE tx (id bigint NOT NULL, f1 float8 NOT NULL, f2 float8 NOT NULL, f3 float8 NOT NULL, f4 float8 NOT NULL,
	f5 float8 NOT NULL, f6 float8 NOT NULL, f7 float8 NOT NULL, f8 float8 NOT NULL, f9 float8 NOT NULL, f10 float8 NOT NULL,
	f11 float8 NOT NULL, f12 float8 NOT NULL, f13 float8 NOT NULL, f14 float8 NOT NULL, f15 float8 NOT NULL,
	f16 float8 NOT NULL, f17 float8 NOT NULL, f18 float8 NOT NULL, f19 float8 NOT NULL, f20 float8 NOT NULL,
	f21 float8 NOT NULL, f22 float8 NOT NULL, f23 float8 NOT NULL, f24 float8 NOT NULL, f25 float8 NOT NULL,
	f26 float8 NOT NULL, f27 float8 NOT NULL, f28 float8 NOT NULL, f29 float8 NOT NULL, f30 float8 NOT NULL,
	label boolean NOT NULL);
SELECT setseed(0.42);
INSERT INTO tx
SELECT r.id, r.f1, r.f2, r.f3, r.f4, r.f5, r.f6, r.f7, r.f8, r.f9, r.f10, r.f11, r.f12, r.f13, r.f14, r.f15, r.f16, r.f17,
	r.f18, r.f19, r.f20, r.f21, r.f22, r.f23, r.f24, r.f25, r.f26, r.f27, r.f28, r.f29, r.f30,
	r.noise < 1 / (1 + exp(-(3 * r.f1 - 2 * r.f2 + 4 * (r.f3 > 0.7)::int * r.f4 - 3 * abs(r.f5 - 0.5) + 2 * r.f6 * r.f7 - 5.5)))
FROM (SELECT i AS id, random() AS noise, random() AS f1, random() AS f2, random() AS f3, random() AS f4, random() AS f5,
		random() AS f6, random() AS f7, random() AS f8, random() AS f9, random() AS f10, random() AS f11, random() AS f12,
		random() AS f13, random() AS f14, random() AS f15, random() AS f16, random() AS f17, random() AS f18,
		random() AS f19, random() AS f20, random() AS f21, random() AS f22, random() AS f23, random() AS f24,
		random() AS f25, random() AS f26, random() AS f27, random() AS f28, random() AS f29, random() AS f30
	FROM generate_series(1, 1000000) AS i) AS r;
ALTER TABLE tx ADD PRIMARY KEY (id);
VACUUM (ANALYZE, FREEZE) tx;
