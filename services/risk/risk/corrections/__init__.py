"""What enters the books beside fills and settlements: what an account begins with, and what two people stand for."""
