"""Other programs that look at mail: rspamd, SpamAssassin, ClamAV, milters."""
