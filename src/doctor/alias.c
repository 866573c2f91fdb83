/*
 * alias.c: names under which one channel is known, as data. A name stands in its plain form: small letters
 * and digits alone. Another platform is one more row.
 */
#include "postgres.h"

#include "doctor/unmatched.h"

#define MAX_ALIASES 16

static const char *const aliases[][MAX_ALIASES] = {
	{"google", "googleads", "googleadwords", "adwords", "googlecpc", "googleppc", "googlepaid",
	 "googlesearch", "gads", "sem", "googlesem", "googlecom"},
	{"meta", "metaads", "facebook", "facebookads", "facebookcpc", "facebookcom", "facebookpaid", "fb",
	 "fbads", "fbcpc", "instagram", "instagramads", "ig", "metafacebook", "facebookinstagram"},
	{"linkedin", "linkedinads", "linkedincpc", "linkedincom", "linkedinpaid", "linkedinsponsored", "li",
	 "lnkdin"},
	{"microsoft", "microsoftads", "microsoftadvertising", "msads", "bing", "bingads", "bingcpc", "bingcom"},
	{"x", "xads", "xcom", "xtwitter", "twitter", "twitterads", "twittercpc", "twittercom", "tco"},
	{"tiktok", "tiktokads", "tiktokcpc", "tiktokcom"},
	{"youtube", "youtubeads", "youtubecom", "yt", "ytads"},
	{"pinterest", "pinterestads", "pinterestcom"},
	{"reddit", "redditads", "redditcom"},
	{"snapchat", "snapchatads", "snap", "snapads"},
	{"quora", "quoraads", "quoracom"},
	{"amazon", "amazonads", "amazonadvertising", "amazoncpc"},
	{"apple", "appleads", "applesearchads", "asa"},
	{"xing", "xingads", "xingcom"},
	{"capterra", "capterraads", "capterracom"},
	{"g2", "g2crowd", "g2com"},
	{"taboola", "taboolaads", "taboolacom"},
	{"outbrain", "outbrainads", "outbraincom"},
	{"criteo", "criteoads"},
	{"email", "emails", "emailing", "emailmarketing", "mail", "mailing", "newsletter", "newsletters", "edm"},
	{"event", "events", "webinar", "webinars", "tradefair", "tradefairs", "tradeshow", "tradeshows", "fair",
	 "conference", "conferences", "salon", "messe"},
	{"partner", "partners", "partnership", "partnerships", "reseller", "resellers"},
	{"referral", "referrals", "refer", "wordofmouth"},
	{"affiliate", "affiliates", "affiliation"},
	{"organic", "organicsearch", "seo", "googleorganic"},
	{"coldcall", "coldcalls", "coldcalling", "outbound", "outboundcalls"}};

/* The first name of the channel that is known under this one; the name itself where none is. */
const char *
smk_alias(const char *likeness)
{
	for (size_t i = 0; i < lengthof(aliases); i++)
		for (int j = 0; j < MAX_ALIASES && aliases[i][j] != NULL; j++)
			if (strcmp(aliases[i][j], likeness) == 0)
				return aliases[i][0];
	return likeness;
}
