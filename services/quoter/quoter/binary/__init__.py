"""What is quoted in a YES/NO market: prices, sizes and the way to be flat at expiry."""
