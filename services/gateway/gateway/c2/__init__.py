"""The C2 API over the platform's picture: its topics, their content, and who gets what when."""
