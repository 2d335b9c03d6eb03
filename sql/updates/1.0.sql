-- What has changed in tables since 1.0.  Functions and views are made anew
-- after this by the update script, which the Makefile puts together.

COMMENT ON TABLE mlops_catalog.decision_import IS 'Calls of mlops.import_decisions that brought something, and of mlops.remove_imported_decisions that took something away';
COMMENT ON COLUMN mlops_catalog.performance_window.segment IS 'Value of a logged feature, {} for all decisions; "(imported)": true beside it for those that were imported';
-- windows are measured again: 1.0 took imported decisions for others
UPDATE mlops_catalog.decision_import SET seen = false WHERE seen;
CREATE INDEX drift_window_model_id_window_start_idx ON mlops_catalog.drift_window (model_id, window_start);
DROP FUNCTION mlops_catalog.tell_of_dropped(text, mlops_catalog.monitor, mlops_catalog.monitor);
