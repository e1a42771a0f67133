-- name: 05 Create the table by hand
-- description: After query 04. Each mapping names a trait without its spaces. DROP TABLE segment_logs removes it.
-- database: default
CREATE EXTERNAL TABLE IF NOT EXISTS segment_logs (
  `_metadata` struct<bundled:array<string>,unbundled:array<string>,bundledids:array<string>>,
  `anonymousid` string,
  `channel` string,
  `context` struct<
    active:boolean,app:struct<build:string,name:string,namespace:string,version:string>,
    campaign:struct<content:string,medium:string,name:string,source:string,term:string>,
    device:struct<adtrackingenabled:boolean,advertisingid:string,id:string,manufacturer:string,model:string,name:string,type:string>,
    ip:string,library:struct<name:string,version:string>,locale:string,
    network:struct<bluetooth:boolean,carrier:string,cellular:boolean,wifi:boolean>,
    os:struct<name:string,version:string>,
    page:struct<path:string,referrer:string,search:string,title:string,url:string>,
    screen:struct<density:double,height:int,width:int>,
    timezone:string,useragent:string>,
  `event` string,
  `integrations` map<string,string>,
  `messageid` string,
  `name` string,
  `originaltimestamp` string,
  `projectid` string,
  `properties` struct<
    brand:string,browser:string,cart_id:string,category:string,checkout_id:string,
    currency:string,list_id:string,name:string,operating_system:string,order_id:string,
    page_name:string,path:string,position:int,price:double,product_id:string,
    products:array<struct<brand:string,category:string,name:string,price:double,product_id:string,quantity:int,sku:string>>,
    quantity:int,query:string,revenue:double,shipping:double,sku:string,tax:double,
    title:string,total:double,url:string>,
  `receivedat` string,
  `sentat` string,
  `timestamp` string,
  `traits` struct<
    browser:string,campaign_name:string,campaign_source:string,email:string,
    experiment_group:string,favorite_departments:string,first_name:string,
    invited_user:string,ip:string,last_name:string,lifetime_value:string,
    likelihood_to_buy:double,operating_system:string,referrering_domain:string>,
  `type` string,
  `userid` string,
  `version` int,
  `writekey` string
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
