"""What rows say of one kind of market, price or bot, beside what all of them say."""
