-- Coefficients and standard errors against scikit-learn and NumPy
-- (test/golden/logistic_regression.py made the golden rows).
\ir setup.psql
SELECT plan(37);
CREATE TABLE golden_data AS
SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS a, (i * 104729 % 1009)::float8 AS b,
	((i * 7919 % 10007 > 7000) AND (i * 31 % 4 < 2)) OR i % 23 = 0 AS y,
	CASE WHEN i % 5 = 0 THEN 'test' ELSE 'train' END AS part
FROM generate_series(1::bigint, 5000) AS i;
CREATE TABLE golden (params jsonb, a float8, b float8, intercept float8, a_error float8, b_error float8, intercept_error float8);
INSERT INTO golden VALUES
	('{"C": 1}', 1.7792177178675248, -0.007498860608543871, -2.30884013198559, 0.07069565425583871, 0.047291866897383794, 0.07425513280417688),
	('{"C": 0.001}', 0.4719013473219758, -0.005820011968049866, -1.5433940805805324, 0.02545302681229883, 0.02508493319921578, 0.04192156150227867),
	('{"penalty": "none"}', 1.7881899072616354, -0.007448857858639041, -2.3160790897278813, 0.07115462097069344, 0.04739735491068872, 0.07468601918430488),
	('{"C": 1, "solver": "lbfgs", "tol": 1e-12, "max_iter": 1000}', 1.7792177178675248, -0.007498860608543871, -2.30884013198559, NULL, NULL, NULL),
	('{"penalty": "l1", "C": 0.01, "tol": 1e-12}', 1.3701164277304554, 0.0, -2.0008494411509963, NULL, NULL, NULL),
	('{"penalty": "elasticnet", "C": 0.01, "l1_ratio": 0.4, "tol": 1e-12}', 1.3073683715047943, 0.0, -1.9580033486019017, NULL, NULL, NULL);
CREATE TABLE fitted AS
SELECT g.*, row_number() OVER () AS number, t.version
FROM golden g, LATERAL mlops.train('golden', 'golden_data', target => 'y', key => 'id', algorithm => 'logistic_regression',
	split => '{"fold": "part"}', params => g.params) AS t;
SELECT ok(abs(c.coefficient - CASE c.feature WHEN 'a' THEN f.a WHEN 'b' THEN f.b ELSE f.intercept END) < 1e-6,
	format('%s: coefficient of %s', f.params, c.feature))
FROM fitted f JOIN mlops.coefficients c ON c.model = 'golden' AND c.version = f.version ORDER BY f.number, c.term;
SELECT ok(CASE WHEN e IS NULL THEN c.standard_error IS NULL ELSE abs(c.standard_error - e) < 1e-6 END,
	format('%s: standard errors', f.params))
FROM fitted f JOIN mlops.coefficients c ON c.model = 'golden' AND c.version = f.version AND c.feature = 'a',
	LATERAL (SELECT f.a_error AS e) AS x ORDER BY f.number;

SELECT results_eq($$SELECT i.version, i.feature::text, i.coefficient, i.gain IS NULL AND i.share IS NULL AND i.splits IS NULL FROM mlops.feature_importance AS i WHERE i.model = 'golden' ORDER BY 1, 2$$,
	$$SELECT c.version, c.feature::text, c.coefficient, true FROM mlops.coefficients AS c WHERE c.model = 'golden' AND c.term > 0 ORDER BY 1, 2$$, 'importance of a linear model: its coefficients');

-- levels of categories, hours and weekdays: under an L2 penalty all of them have a coefficient, the missing one too
CREATE TABLE golden_levels AS
SELECT i AS id, CASE WHEN i % 13 <> 0 THEN substr('abcdefg', (i * i * 17 % 101 % 7)::int + 1, 1) END AS kind,
	timestamp '2024-01-01' + make_interval(mins => (i * 7927 % 30011)::int) AS ts, CASE WHEN i % 5 = 0 THEN 'test' ELSE 'train' END AS part
FROM generate_series(1::bigint, 5000) AS i;
ALTER TABLE golden_levels ADD y boolean;
UPDATE golden_levels SET y = (id * 7919 % 10007 > 7000 AND kind IS DISTINCT FROM 'c') OR
	(extract(hour FROM ts) = 3 AND id % 3 <> 0) OR (id % 29 = 0 AND kind IS NULL);
CREATE TABLE golden_terms (params jsonb, feature text, level text, coefficient float8, error float8);
INSERT INTO golden_terms VALUES
	('{"C": 1, "tol": 1e-12}', 'kind', 'a', 0.459255367725465, 0.3653360742621972),
	('{"C": 1, "tol": 1e-12}', 'kind', 'b', 0.33300215938901084, 0.3642403755553914),
	('{"C": 1, "tol": 1e-12}', 'kind', 'c', -2.6178210020708694, 0.41187942836474595),
	('{"C": 1, "tol": 1e-12}', 'kind', 'd', 0.35826391808011165, 0.36631051387232844),
	('{"C": 1, "tol": 1e-12}', 'kind', 'e', 0.31300384786293967, 0.37031934497099644),
	('{"C": 1, "tol": 1e-12}', 'kind', 'f', 0.2937844550524147, 0.3653231704986219),
	('{"C": 1, "tol": 1e-12}', 'kind', 'g', 0.33264058117172374, 0.3702748165334954),
	('{"C": 1, "tol": 1e-12}', 'kind', '(missing)', 0.527870601409929, 0.3717504101196658),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '0', -0.25533420908995225, 0.2746474463997233),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '1', -0.12664779356887335, 0.26873103986072144),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '2', 0.017775199103195926, 0.2684654775115958),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '3', 2.3661076084585515, 0.28507610766500935),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '4', -0.07156390082022765, 0.2683193461702966),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '5', -0.28022895496709654, 0.2728735125730977),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '6', -0.05321756181312431, 0.26846685381294505),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '7', 0.006536667139302529, 0.26756697921047473),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '8', -0.2902489866582359, 0.2740669279146835),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '9', -0.014110783234280545, 0.26938603452143495),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '10', -0.03644990385699553, 0.2688007418613761),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '11', 0.1632515865413021, 0.2647845919498578),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '12', -0.26767582678248936, 0.27570836417890116),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '13', -0.2804108093849024, 0.2741798372129003),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '14', -0.052990648578330066, 0.2688104041047278),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '15', -0.16565342330315738, 0.2704973590225966),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '16', -0.039408733459318834, 0.26755794117969667),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '17', -0.05138961819314342, 0.26968204986655586),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '18', -0.12567877600423896, 0.27115030332784035),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '19', 0.0016502792811167, 0.2663930467576348),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '20', -0.1602980105283951, 0.27199387109732154),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '21', -0.07098850929648123, 0.2719311715667585),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '22', -0.10964155393362529, 0.27392997819573883),
	('{"C": 1, "tol": 1e-12}', 'ts.hour', '23', -0.10338340842986833, 0.27269365909348986),
	('{"C": 1, "tol": 1e-12}', 'ts.weekday', '0', 0.11187712970053074, 0.3895516069858607),
	('{"C": 1, "tol": 1e-12}', 'ts.weekday', '1', 0.09110867042195842, 0.3891627780188885),
	('{"C": 1, "tol": 1e-12}', 'ts.weekday', '2', -0.021516756918133137, 0.38902088461818607),
	('{"C": 1, "tol": 1e-12}', 'ts.weekday', '3', -0.12943202874327167, 0.38930340155466253),
	('{"C": 1, "tol": 1e-12}', 'ts.weekday', '4', -0.07803454957745538, 0.38909127212011846),
	('{"C": 1, "tol": 1e-12}', 'ts.weekday', '5', -0.0219380989322429, 0.38925205579976635),
	('{"C": 1, "tol": 1e-12}', 'ts.weekday', '6', 0.04793556266931315, 0.3890008450812129),
	('{"C": 1, "tol": 1e-12}', 'ts.seconds', '', -0.01868706737719813, 0.0398130723316631),
	('{"C": 1, "tol": 1e-12}', '(intercept)', '', -1.1212384546177192, 0.5582119573236902),
	('{"C": 0.01, "tol": 1e-12}', 'kind', 'a', 0.16466470284569043, 0.07323316986557851),
	('{"C": 0.01, "tol": 1e-12}', 'kind', 'b', 0.11995728143118391, 0.07126820912155478),
	('{"C": 0.01, "tol": 1e-12}', 'kind', 'c', -0.7985554227637994, 0.07763222738123489),
	('{"C": 0.01, "tol": 1e-12}', 'kind', 'd', 0.11887035453384903, 0.07434101072269639),
	('{"C": 0.01, "tol": 1e-12}', 'kind', 'e', 0.07878880328090469, 0.07868097814883826),
	('{"C": 0.01, "tol": 1e-12}', 'kind', 'f', 0.08901767116178791, 0.07285549394489015),
	('{"C": 0.01, "tol": 1e-12}', 'kind', 'g', 0.08066253938541951, 0.07869546465860079),
	('{"C": 0.01, "tol": 1e-12}', 'kind', '(missing)', 0.1465940034717361, 0.08043110285243148),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '0', -0.06253763140207813, 0.08775124428126047),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '1', -0.025927062587096806, 0.08739559922784462),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '2', -0.0017890648733570227, 0.08748533446619446),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '3', 0.5816784174294286, 0.0855579501494453),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '4', -0.014050881424293896, 0.087464192140255),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '5', -0.06563850653859019, 0.08748889913091883),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '6', -0.0170608516789807, 0.08734094946287985),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '7', 0.004262184453914576, 0.08748033370294205),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '8', -0.06726052220819982, 0.08765961319979225),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '9', -0.008349273039678232, 0.08756459023915492),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '10', -0.01158818352792741, 0.0874789493149887),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '11', 0.03873029566540656, 0.08721994453615423),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '12', -0.06831404627650602, 0.08781087974896307),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '13', -0.066789423412731, 0.08765833828199592),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '14', -0.010060744174238127, 0.08755320163160145),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '15', -0.04026430298300944, 0.08744667317860769),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '16', -0.012844932383795915, 0.08723869702274294),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '17', -0.015539266724645945, 0.08760173642244685),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '18', -0.03072677042565009, 0.08768499032548933),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '19', 0.005012396684280337, 0.08728804005820756),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '20', -0.03857789257100996, 0.08770109787008655),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '21', -0.017750082328754448, 0.08799168340607989),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '22', -0.02915407698028514, 0.08813774798033297),
	('{"C": 0.01, "tol": 1e-12}', 'ts.hour', '23', -0.025459845345429572, 0.08801607380897074),
	('{"C": 0.01, "tol": 1e-12}', 'ts.weekday', '0', 0.05367582666011576, 0.07486111868987397),
	('{"C": 0.01, "tol": 1e-12}', 'ts.weekday', '1', 0.04974660086875803, 0.07431763890446877),
	('{"C": 0.01, "tol": 1e-12}', 'ts.weekday', '2', -0.0038568588844983113, 0.07408458271178339),
	('{"C": 0.01, "tol": 1e-12}', 'ts.weekday', '3', -0.05949538668573519, 0.07436654778991186),
	('{"C": 0.01, "tol": 1e-12}', 'ts.weekday', '4', -0.038312833069297364, 0.0741301149137718),
	('{"C": 0.01, "tol": 1e-12}', 'ts.weekday', '5', -0.015387133125530132, 0.07427003870491347),
	('{"C": 0.01, "tol": 1e-12}', 'ts.weekday', '6', 0.013629717582959402, 0.0742437141087348),
	('{"C": 0.01, "tol": 1e-12}', 'ts.seconds', '', -0.014327247055985705, 0.03458232152320428),
	('{"C": 0.01, "tol": 1e-12}', '(intercept)', '', -0.97493969878634, 0.06651049031985164),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', 'a', 0.4392898273660417, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', 'b', 0.3158479901978795, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', 'c', -2.4822922664676637, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', 'd', 0.3400290760403861, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', 'e', 0.2941427964104842, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', 'f', 0.2764939652652632, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', 'g', 0.3127846242972256, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'kind', '(missing)', 0.503702908097083, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '0', -0.2453353920190202, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '1', -0.12050370039660586, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '2', 0.01780235208454699, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '3', 2.2565630064348836, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '4', -0.06746974996741933, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '5', -0.2691732150163598, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '6', -0.05066259542410893, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '7', 0.008051968989959945, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '8', -0.2787068934833027, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '9', -0.012972643527340148, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '10', -0.034237252623720155, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '11', 0.15936150253533088, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '12', -0.2576679993663601, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '13', -0.26941679765737175, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '14', -0.04952028199671559, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '15', -0.1588520399205539, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '16', -0.03722606857379619, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '17', -0.04879044316398047, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '18', -0.12029912294763037, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '19', 0.003636875264151896, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '20', -0.15353157499063066, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '21', -0.06734560264142445, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '22', -0.10503196604544128, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.hour', '23', -0.09867344434040058, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.weekday', '0', 0.11035481818823747, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.weekday', '1', 0.09040407252272549, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.weekday', '2', -0.020740015139054598, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.weekday', '3', -0.12751095488910555, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.weekday', '4', -0.07707711605003881, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.weekday', '5', -0.02178139621077089, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.weekday', '6', 0.04634951278470906, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', 'ts.seconds', '', -0.018480480108151637, NULL),
	('{"C": 0.5, "solver": "lbfgs", "tol": 1e-14, "max_iter": 5000}', '(intercept)', '', -1.106872030154284, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', 'a', 0.06665307385583838, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', 'b', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', 'c', -1.8245119955659126, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', 'd', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', 'e', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', 'f', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', 'g', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'kind', '(missing)', 0.07587368208940355, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '0', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '1', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '2', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '3', 1.5137373273484858, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '4', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '5', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '6', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '7', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '8', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '9', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '10', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '11', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '12', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '13', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '14', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '15', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '16', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '17', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '18', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '19', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '20', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '21', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '22', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.hour', '23', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.weekday', '0', 0.022182448750282413, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.weekday', '1', 0.025089682515058193, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.weekday', '2', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.weekday', '3', -0.04024494654539239, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.weekday', '4', -0.00018269536283139562, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.weekday', '5', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.weekday', '6', 0.0, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', 'ts.seconds', '', -0.0036049728728775286, NULL),
	('{"penalty": "elasticnet", "C": 0.05, "l1_ratio": 0.4, "tol": 1e-14}', '(intercept)', '', -0.8767077925638179, NULL),
	('{"penalty": "none", "tol": 1e-12}', 'kind', 'a', 3.277497370803081, 0.2812814098448045),
	('{"penalty": "none", "tol": 1e-12}', 'kind', 'b', 3.1481436600806765, 0.2789239203273645),
	('{"penalty": "none", "tol": 1e-12}', 'kind', 'd', 3.1746116040808405, 0.28260765662687115),
	('{"penalty": "none", "tol": 1e-12}', 'kind', 'e', 3.130139546061487, 0.28974764395063124),
	('{"penalty": "none", "tol": 1e-12}', 'kind', 'f', 3.1091114086301284, 0.2808881069555528),
	('{"penalty": "none", "tol": 1e-12}', 'kind', 'g', 3.150899256249441, 0.2898330860462601),
	('{"penalty": "none", "tol": 1e-12}', 'kind', '(missing)', 3.350788895749736, 0.2926482181642737),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '0', -0.22445688869069316, 0.2629715385778566),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '1', -0.09163020502370864, 0.2554267105241131),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '2', 0.05952648212744815, 0.2550003739202423),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '3', 2.5427150662051874, 0.2828329919154227),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '4', -0.03430851263002897, 0.25476735128131434),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '5', -0.2505082949132532, 0.2606207354490356),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '6', -0.014207674667308632, 0.2549451782535806),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '7', 0.04658103013094429, 0.2538306922968189),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '8', -0.26106628038566826, 0.2621101465042787),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '9', 0.026448637029128932, 0.2561021363840546),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '10', 0.002910923405293156, 0.2553156472756947),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '11', 0.20915953578830435, 0.25039492381925654),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '12', -0.23675881290501175, 0.2640993993484589),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '13', -0.25061447682104787, 0.26226166545881985),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '14', -0.015054555871176104, 0.25541643752679327),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '15', -0.13128217582932966, 0.25761318944034817),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '17', -0.012434449701921365, 0.2564078665599474),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '18', -0.0897515070386554, 0.2583035537785863),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '19', 0.0411546920518124, 0.25234459004903353),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '20', -0.12590427712111898, 0.25945600831139304),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '21', -0.03320736796314815, 0.2592047175070463),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '22', -0.07286866669117266, 0.2617508652901168),
	('{"penalty": "none", "tol": 1e-12}', 'ts.hour', '23', -0.06675383943750123, 0.26015451295357817),
	('{"penalty": "none", "tol": 1e-12}', 'ts.weekday', '0', 0.13589196784440416, 0.14484159341365235),
	('{"penalty": "none", "tol": 1e-12}', 'ts.weekday', '1', 0.11414899675042295, 0.13989511530803883),
	('{"penalty": "none", "tol": 1e-12}', 'ts.weekday', '3', -0.10910577437410422, 0.14213983321049772),
	('{"penalty": "none", "tol": 1e-12}', 'ts.weekday', '4', -0.05663881283204712, 0.14191636208550285),
	('{"penalty": "none", "tol": 1e-12}', 'ts.weekday', '5', 0.0002711093934422583, 0.14311422236956203),
	('{"penalty": "none", "tol": 1e-12}', 'ts.weekday', '6', 0.0721589726244862, 0.1424756888733854),
	('{"penalty": "none", "tol": 1e-12}', 'ts.seconds', '', -0.018942585476281106, 0.0399990865849018),
	('{"penalty": "none", "tol": 1e-12}', '(intercept)', '', -3.9975971157910863, 0.33270581239602603);
CREATE TABLE fitted_levels AS
SELECT g.*, t.version
FROM (SELECT DISTINCT params FROM golden_terms) AS g, LATERAL mlops.train('levels', 'golden_levels', target => 'y', key => 'id',
	algorithm => 'logistic_regression', split => '{"fold": "part"}', params => g.params) AS t;
-- ones that differ, of the terms of both sides
CREATE TABLE differing AS
SELECT f.params, coalesce(g.feature, c.feature) AS feature, coalesce(g.level, c.level) AS level, g.coefficient - c.coefficient AS coefficient,
	g.error - c.standard_error AS error, g.error IS NULL <> (c.standard_error IS NULL) AS undefined
FROM fitted_levels AS f
JOIN mlops.coefficients AS c ON c.model = 'levels' AND c.version = f.version
FULL JOIN golden_terms AS g ON g.params = f.params AND g.feature = c.feature AND g.level = coalesce(c.level, '');
SELECT is((SELECT string_agg(format('%s %s: %s', d.feature, d.level, d.coefficient), ', ')
	FROM differing AS d WHERE d.params = f.params AND NOT coalesce(abs(d.coefficient) < 1e-6, false)), NULL,
	format('%s: terms and coefficients of levels', f.params))
FROM fitted_levels AS f ORDER BY f.params;
SELECT is((SELECT string_agg(format('%s %s: %s', d.feature, d.level, d.error), ', ')
	FROM differing AS d WHERE d.params = f.params AND (d.undefined OR abs(d.error) >= 1e-6)), NULL, format('%s: standard errors of levels', f.params))
FROM fitted_levels AS f ORDER BY f.params;
SELECT is((SELECT count(*) FROM golden_terms AS g WHERE NOT EXISTS (SELECT FROM differing AS d WHERE d.params = g.params AND d.feature = g.feature
	AND coalesce(d.level, '') = g.level)), 0::bigint, 'no term is missing');
-- a level that training did not know has none: what scikit-learn's one-hot encoding says with handle_unknown="ignore"
SELECT ok(abs(mlops.score_version('levels', f.version, x) - 1 / (1 + exp(-g.margin))) < 1e-7, 'an unknown level adds nothing')
FROM fitted_levels AS f, (SELECT 'zebra'::text AS kind, timestamp '2024-01-07 03:30' AS ts) AS x,
	(SELECT avg(extract(epoch FROM ts)::float8) AS mean, stddev_pop(extract(epoch FROM ts)::float8) AS scale FROM golden_levels WHERE part = 'train') AS m,
	LATERAL (SELECT sum(coefficient * CASE feature WHEN 'ts.seconds' THEN (extract(epoch FROM x.ts)::float8 - m.mean) / m.scale ELSE 1 END) AS margin
		FROM golden_terms AS g WHERE g.params = f.params
			AND (feature, level) IN (('(intercept)', ''), ('ts.hour', '3'), ('ts.weekday', '0'), ('ts.seconds', ''))) AS g
WHERE f.params @> '{"C": 1}';
SELECT * FROM finish();
ROLLBACK;
