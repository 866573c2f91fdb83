
select smarketing.bind('lead','crm.contact_with_campaign','{"lead_id":"id","created_at":"created_on","account_id":"company_id","label":"full_name","stage":"status","mql_at":"mql_on","sal_at":"accepted_on","sql_at":"sql_on","assigned_at":"assigned_on","channel":"source","owner":"owner_id","disqualified_at":"disqualified_on","campaign":"campaign"}');
select smarketing.bind('stage_change','crm.phase_history','{"lead_id":"contact_id","opportunity_id":"deal_id","at":"changed_at","stage":"phase"}');
select smarketing.bind('opportunity','crm.deal_with_product','{"currency":"currency","opportunity_id":"id","lead_id":"contact_id","account_id":"company_id","label":"title","amount":"value","created_at":"opened_on","closed_at":"closed_on","won":"is_won","expected_close_at":"expected_close","kind":"deal_type","owner":"rep_id","product":"product"}');
select smarketing.bind('spend','crm.ad_cost','{"at":"day","ends_at":"period_end","amount":"cost","currency":"currency","kind":"cost_type"}');
select smarketing.bind('touch','crm.web_visit','{"at":"visited_at","lead_id":"contact_id","account_id":"company_id"}');
select smarketing.bind('revenue','crm.invoice','{"account_id":"company_id","at":"issued_on","owner":"rep_id"}');
select smarketing.bind('subscription','crm.contract','{"account_id":"company_id","starts_at":"start_on","ends_at":"end_on","amount":"mrr","owner":"rep_id"}');
select smarketing.bind('goal','crm.quota','{"owner":"owner_id"}');
select smarketing.bind('exchange_rate','crm.fx','{"at":"day"}');
select smarketing.configure('currency','EUR');
select smarketing.bind('account','crm.company','{"account_id":"id","label":"name","owner":"owner_id"}');
select smarketing.bind('owner','crm.rep_with_team','{"owner":"id","label":"name","team":"team","is_active":"active"}');
select smarketing.define_dimension('rep','{"owner":"name"}');
select smarketing.define_dimension('country','{"account":"country"}');
select smarketing.map_stage(l, s::smarketing.funnel_stage) from (values ('New','lead'),('Working','lead'),('Marketing Qualified','mql'),('Sales Accepted','sal'),('Sales Qualified','sql'),('Converted','opportunity'),('Customer','won'),('Disqualified','disqualified'),('Recycled','recycled'),('Closed Won','won'),('Closed Lost','lost'),('Discovery','opportunity'),('Proposal','opportunity'),('Negotiation','opportunity')) v(l,s);
select smarketing.map_value('channel',l,v) from (values ('google / cpc','Google Ads'),('linkedin','LinkedIn Ads'),('facebook','Meta Ads'),('webinar','Events'),('newsletter','Email'),('partner','Partners'),('referral','Partners')) x(l,v);
select smarketing.map_value('kind',l,v) from (values ('New business','new'),('Upsell','upsell'),('Cross-sell','cross_sell'),('Renewal','renewal')) x(l,v);
select smarketing.bind('activity','crm.activity','{"lead_id":"contact_id","at":"happened_at","kind":"type","owner":"rep_id","is_automatic":"by_robot"}', time_zone => 'UTC');
