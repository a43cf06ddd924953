"""Speed, side by side: ours and the peers' in one process, in turns, against stated targets."""
