-- The end of redeem: the challenge as it is now, and the answer.
if longest > 0 then return answer(6, index, longest, unpack(unfit)) end
if dead ~= 0 then return answer(dead) end
keep_challenge(name, it)
return answer(verdict(it))
