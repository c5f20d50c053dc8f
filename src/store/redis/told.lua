-- The end of peer.
answer[2] = sequence
return pack(news(x, answer, #answer + 1))
