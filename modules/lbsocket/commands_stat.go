// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statfields"
)

// statCommands show the state of frontends, backends and servers, and of the process.
var statCommands = []command{
	{words: "show backend", help: "list backends in the current running config", run: showBackend},
	{words: "show info", args: "[desc|json|typed]*", help: "report information about the running process", run: showInfo},
	{words: "show peers", args: "[dict|-] [section]", help: "dump some information about all the peers or this peers section", run: showPeers},
	{words: "show schema json", help: "report schema used for stats", run: showSchema},
	{words: "show stat", args: "[desc|json|no-maint|typed|up]*", help: "report counters for each proxy and server", run: showStat},
}

func showBackend(r *request) error {
	r.print("# name\n")
	for _, b := range control.Backends() {
		r.print(b.Name, "\n")
	}
	return nil
}

func showSchema(r *request) error {
	statfields.WriteSchema(r.out)
	return nil
}

func showInfo(r *request) error {
	describe := slices.Contains(r.args, "desc")
	switch {
	case slices.Contains(r.args, "json"):
		statfields.WriteInfoJSON(r.out)
	case slices.Contains(r.args, "typed"):
		statfields.WriteInfoTyped(r.out, describe)
	default:
		statfields.WriteInfo(r.out, describe)
	}
	return nil
}

// showStat shows all rows, or those of a section, a type and a server: show stat WEB 4 -1.
func showStat(r *request) error {
	q := statfields.Query{
		Kinds: statfields.All, ID: -1, Addresses: r.server.level >= Operator,
		NoMaint: slices.Contains(r.args, "no-maint"), Up: slices.Contains(r.args, "up"),
	}
	if len(r.args) >= 3 && !isFlag(r.args[0]) {
		if err := selectStat(&q, r.args); err != nil {
			return err
		}
	}
	rows := statfields.Stat(q)
	switch {
	case slices.Contains(r.args, "json"):
		statfields.WriteJSON(r.out, rows)
	case slices.Contains(r.args, "typed"):
		statfields.WriteTyped(r.out, rows, slices.Contains(r.args, "desc"))
	default:
		statfields.WriteCSV(r.out, rows)
	}
	return nil
}

func isFlag(word string) bool {
	return slices.Contains([]string{"json", "typed", "desc", "no-maint", "up"}, word)
}

// selectStat sets the section, the types and the server or listener of a query. Words that are no
// numbers count as 0, as in HAProxy, and -1 selects all.
func selectStat(q *statfields.Query, args []string) error {
	if n, err := strconv.Atoi(args[0]); err == nil {
		q.Proxy = n
	} else if id, ok := statfields.ProxyIDs()[args[0]]; ok {
		q.Proxy = id
	} else {
		return message("No such proxy.")
	}
	kinds, _ := strconv.Atoi(args[1])
	q.Kinds = statfields.Mask(kinds)
	q.ID, _ = strconv.Atoi(args[2])
	return nil
}
