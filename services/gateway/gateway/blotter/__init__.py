"""Our orders and executions: what rests, what happened lately, and what people were alerted to."""
