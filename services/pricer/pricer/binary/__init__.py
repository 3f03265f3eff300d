"""What a YES/NO market is worth: its terms, models, smiles and settlement."""
