"""What only YES/NO markets have: pairs of shares, an end that is decided, money that is owed until it is redeemed."""
