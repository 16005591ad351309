"""What leaves the house: mails over SMTP, webhooks over HTTP."""
