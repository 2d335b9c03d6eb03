-- Where to cut time, as the "split" of mlops.train: the last fifth of the
-- transactions is the test; the tenth before it, less the time until labels are
-- known (label_delay), is for early stopping and the threshold.

SELECT jsonb_build_object(
	'validation_from', percentile_disc(0.7) WITHIN GROUP (ORDER BY tx_datetime) - interval :'label_delay',
	'test_from', percentile_disc(0.8) WITHIN GROUP (ORDER BY tx_datetime),
	'label_delay', :'label_delay')
FROM prepared;
