-- name: 12 Which traits do people have
-- description: The mappings at work: campaign_name is Campaign Name.
SELECT DISTINCT
  userId,
  traits.campaign_name,
  traits.campaign_source,
  traits.experiment_group,
  traits.favorite_departments,
  traits.invited_user,
  traits.referrering_domain
FROM segment_logs
WHERE type = 'identify'
ORDER BY userId
LIMIT 20;
