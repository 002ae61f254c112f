// The Lua interpreter that Argo CD uses, for the tests of its health check. Nothing of it is part of rekey.
module rekey.dev/test/lua

go 1.25.0

require github.com/yuin/gopher-lua v1.1.2
