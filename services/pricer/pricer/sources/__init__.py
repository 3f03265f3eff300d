"""What an underlying costs now, out of the prices of several venues."""
