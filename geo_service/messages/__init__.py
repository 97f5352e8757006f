"""Telling groups what happens: robots of WeCom and DingTalk, mail, webhooks. Off by default."""
