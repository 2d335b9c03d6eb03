-- One training, table in, registered version out, as a job: it runs in a
-- background worker.  Prints the job's number.

SELECT mlops.submit(
	format($$SELECT * FROM mlops.train('fraud', %L,
				 target => 'tx_fraud',
				 algorithm => %L,
				 key => 'transaction_id',
				 time_column => 'tx_datetime',
				 exclude => %L,
				 split => %L)$$, :'source', :'algorithm', :'exclude', :'split'),
	key => 'demo', model => 'fraud');
