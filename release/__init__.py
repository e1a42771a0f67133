"""Makes what is handed out: the event template, its package, and pages made from the app."""
