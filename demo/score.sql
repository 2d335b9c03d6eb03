-- Both versions on transactions that neither has seen; the better is deployed.

CREATE TABLE test_scores AS
SELECT transaction_id, tx_amount, tx_fraud,
	   mlops.score('fraud/1', p) AS gradient_boosting,
	   mlops.score('fraud/2', p) AS logistic_regression
FROM prepared AS p
WHERE tx_datetime >= :'test_from';

SELECT version AS better FROM mlops.versions
WHERE model = 'fraud' ORDER BY pr_auc DESC LIMIT 1 \gset

\o /dev/null
SELECT * FROM mlops.deploy('fraud', :better, note => 'better average precision on the later 20 % of time');
\o

-- What the deployed model says: a row is enough.
CREATE TABLE alerts AS
SELECT transaction_id, (prediction).score, (prediction).flagged
FROM (SELECT transaction_id, mlops.predict('fraud', p) AS prediction
	  FROM prepared AS p WHERE tx_datetime >= :'test_from' OFFSET 0) AS predicted
WHERE (prediction).flagged;
ALTER TABLE alerts ADD PRIMARY KEY (transaction_id);
