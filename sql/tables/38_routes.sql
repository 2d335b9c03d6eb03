-- Documents of routes, by deployment.

CREATE TABLE mlops_catalog.stated_route (
	model_id bigint CONSTRAINT stated_route_pkey PRIMARY KEY
		CONSTRAINT stated_route_model_id_fkey REFERENCES mlops_catalog.model ON DELETE CASCADE,
	route jsonb NOT NULL
);
COMMENT ON TABLE mlops_catalog.stated_route IS 'What was asked to answer for a model, by the last deployment or document';
COMMENT ON COLUMN mlops_catalog.stated_route.model_id IS 'Model';
COMMENT ON COLUMN mlops_catalog.stated_route.route IS 'Route as a document';
SELECT pg_catalog.pg_extension_config_dump('mlops_catalog.stated_route', '');
