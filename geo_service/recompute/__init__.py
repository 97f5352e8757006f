"""Coverage computed anew under a changed rule, beside what is in force: compared, then adopted."""
