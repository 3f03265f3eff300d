"""What only YES/NO markets have: an end that is decided, and money that is owed until it is redeemed."""
