"""What the command line shows and prints as JSON: boards, plans, address maps, differences."""
