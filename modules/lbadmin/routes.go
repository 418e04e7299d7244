// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
)

// The paths that commands use.
const (
	backendsPath  = prefix + "backends"
	sessionsPath  = prefix + "sessions"
	frontendsPath = prefix + "frontends"
	tablesPath    = prefix + "tables"
)

// routes are all routes.
var routes = slices.Concat([]route{
	{path: "overview", methods: map[string]method{"GET": get(newOverview)}},
	{path: "process", methods: map[string]method{"GET": get(newProcess), "PATCH": changeProcess}},
	{path: "overload", methods: map[string]method{"GET": get(limits.Overload.Report)}},
	{path: "history", methods: map[string]method{"GET": get(newTrends)}},
	{path: "frontends", methods: map[string]method{"GET": get(newFrontends)}},
	{path: "frontends/FRONTEND", methods: map[string]method{"GET": showFrontend, "PATCH": changeFrontend}},
	{path: "listeners", methods: map[string]method{"GET": get(newListeners)}},
	{path: "flow", methods: map[string]method{"GET": get(control.FlowNow)}},
	{path: "explain", methods: map[string]method{"POST": explain}},
	{path: "names", methods: map[string]method{"GET": get(newNames)}},
	{path: "hellos", methods: map[string]method{"GET": get(newHellos)}},
	{path: "backends", methods: map[string]method{"GET": get(newBackends)}},
	{path: "backends/BACKEND", methods: map[string]method{"GET": showBackend}},
	{path: "backends/BACKEND/servers", methods: map[string]method{"GET": listServers, "POST": addServer}},
	{path: "backends/BACKEND/servers/SERVER", methods: map[string]method{"GET": showServer, "PATCH": changeServer, "DELETE": removeServer}},
	{path: "counters/reset", query: []string{"all"}, methods: map[string]method{"POST": resetCounters}},
	{path: "sessions", query: append([]string{"limit"}, sessionParameters...), methods: map[string]method{"GET": listSessions, "DELETE": endSessions}},
	{path: "sessions/ID", methods: map[string]method{"GET": showSession, "DELETE": endSession}},
	{path: "problems", methods: map[string]method{"GET": get(newProblems)}},
	{path: "ends", query: append([]string{"limit"}, control.EndParameters()...), methods: map[string]method{"GET": listEnds}},
	{path: "events", query: []string{"since", "limit", "follow"}, methods: map[string]method{"GET": listEvents}},
	{path: "certificates", methods: map[string]method{"GET": get(newCertificates)}},
	{path: "dns", methods: map[string]method{"GET": get(newResolvers)}},
	{path: "peers", methods: map[string]method{"GET": get(control.Peers)}},
	{path: "overrides", query: overrideParameters, methods: map[string]method{"GET": get(newOverrides), "DELETE": dropOverrides}},
	{path: "errors", methods: map[string]method{"GET": get(newErrors), "DELETE": clearErrors}},
	{path: "tables", methods: map[string]method{"GET": get(newTables)}},
	{path: "tables/TABLE", anyQuery: true, methods: map[string]method{"GET": showTable, "POST": setEntry, "DELETE": clearTable}},
}, patternRoutes("maps", control.Maps), patternRoutes("acls", control.ACLs))
