-- A partition that is closed is read like any other.
local FORMAT = 3
