/*
 * customer.h: customers, each with the time of its acquisition and what it came by, as one more entity.
 */
#ifndef SMK_CUSTOMER_H
#define SMK_CUSTOMER_H

#include "kpi/records.h"

/* The name under which a statement has customers that its parts share. */
#define SMK_SHARED_CUSTOMERS "shared_customers"

extern SmkBinding *smk_customer_binding(const SmkRequest *request);
extern SmkBinding *smk_customer_revenue_binding(const SmkRequest *request);
extern SmkBinding *smk_customer_payment_binding(const SmkRequest *request);
extern const char *smk_customer_source(const SmkRequest *request, const char *entity);
extern char *smk_customer_is_ripe(SmkRecords *customers);
extern char *smk_customer_is_paid(SmkRecords *customers);

#endif
