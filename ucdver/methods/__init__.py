"""The method contract, and the two methods that every table needs."""
