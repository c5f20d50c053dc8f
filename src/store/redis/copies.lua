-- Copies of the versions of documents that stand on another partition.

-- Takes in the version of a document that stands elsewhere, which was `read` there (1) or is a caller's word (0).
-- A copy is a version and the server's time when it was seen. A lower version that was read was read before a
-- younger copy's, which stays as it is; beside an older copy's it says that the document went back, in a
-- fail-over. A caller's word lowers none.
local COPY_LIFE = 2000
local function take_copy(k, version, read)
  local known, seen = string.match(held[k] or '', '^(%d+) (%d+)$')
  known = tonumber(known)
  if known and known > version then
    if read == 1 and clock - seen <= COPY_LIFE then return end
    if read == 0 then version = known end
  end
  held[k] = format('%d %d', version, clock)
  call('SET', KEYS[k], held[k], 'PX', '3600000')
end

