-- name: 05 Create the table by hand
-- description: After 04. Mappings name traits without spaces. DROP TABLE default.segment_logs removes it.
-- database: default
CREATE EXTERNAL TABLE IF NOT EXISTS segment_logs (
  `anonymousid` string,
  `event` string,
  `messageid` string,
  `properties` struct<name:string,products:array<struct<sku:string>>,sku:string>,
  `timestamp` string,
  `traits` struct<
    campaign_name:string,campaign_source:string,experiment_group:string,
    favorite_departments:string,invited_user:string,referrering_domain:string>,
  `type` string,
  `userid` string
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'mapping.campaign_name' = 'Campaign Name',
  'mapping.campaign_source' = 'Campaign Source',
  'mapping.experiment_group' = 'Experiment Group',
  'mapping.favorite_departments' = 'Favorite Departments',
  'mapping.invited_user' = 'Invited User?',
  'mapping.referrering_domain' = 'Referrering Domain',
  'ignore.malformed.json' = 'true'
)
LOCATION 's3://${DataBucket}/segment-logs/';
