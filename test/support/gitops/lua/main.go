// Judges resources with a health check, as Argo CD does: the script sees the resource as the global obj, has no library but the
// base and table, and gives back a table with status and message. It may take a second.
//
// Standard input: {"script": "...", "resources": [...]}. Standard output: a list with {"status", "message"} or {"error"} for each.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
)

type input struct {
	Script    string           `json:"script"`
	Resources []map[string]any `json:"resources"`
}

type health struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

var libraries = map[string]lua.LGFunction{
	lua.LoadLibName: lua.OpenPackage,
	lua.BaseLibName: lua.OpenBase,
	lua.TabLibName:  lua.OpenTable,
}

func main() {
	var given input
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	judged := []health{}
	for _, resource := range given.Resources {
		judgement, err := judge(given.Script, resource)
		if err != nil {
			judgement = health{Error: err.Error()}
		}
		judged = append(judged, judgement)
	}
	if err := json.NewEncoder(os.Stdout).Encode(judged); err != nil {
		os.Exit(1)
	}
}

func judge(script string, resource map[string]any) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, name := range []string{lua.LoadLibName, lua.BaseLibName, lua.TabLibName} {
		opened := lua.P{Fn: state.NewFunction(libraries[name]), Protect: true}
		if err := state.CallByParam(opened, lua.LString(name)); err != nil {
			return health{}, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("obj", valueOf(state, resource))
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	table, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return health{}, fmt.Errorf("the script gave back %s, not a table", state.Get(-1).Type())
	}
	return health{Status: textOf(table, "status"), Message: textOf(table, "message")}, nil
}

func textOf(table *lua.LTable, field string) string {
	value := table.RawGetString(field)
	if value == lua.LNil {
		return ""
	}
	return value.String()
}

func valueOf(state *lua.LState, value any) lua.LValue {
	switch known := value.(type) {
	case bool:
		return lua.LBool(known)
	case float64:
		return lua.LNumber(known)
	case string:
		return lua.LString(known)
	case []any:
		table := state.NewTable()
		for _, item := range known {
			table.Append(valueOf(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for name, item := range known {
			table.RawSetString(name, valueOf(state, item))
		}
		return table
	}
	return lua.LNil
}
