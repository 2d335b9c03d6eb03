-- One training: table in, registered version out.

SELECT *
FROM mlops.train('fraud', 'prepared',
				 target => 'tx_fraud',
				 algorithm => :'algorithm',
				 key => 'transaction_id',
				 time_column => 'tx_datetime',
				 exclude => :'exclude',
				 split => :'split');
