-- What is stored is of this format.
local FORMAT = 2
