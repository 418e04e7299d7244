// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package l4passthrough

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// taken returns the addresses whose connections skip the route, of a configuration with these
// layer4 servers, and what it has logged.
func taken(t *testing.T, servers, level string) (addresses []string, logged string) {
	t.Helper()
	original := takeFor
	defer func() { takeFor = original }()
	takeFor = func(_ context.Context, _ caddy.Module, at caddy.NetworkAddress, _ func(*relay.Socket)) {
		addresses = append(addresses, at.String())
	}
	file := filepath.Join(t.TempDir(), "log")
	log := caddy.CustomLog{BaseLog: caddy.BaseLog{Level: level, WriterRaw: caddyconfig.JSONModuleObject(map[string]string{"filename": file}, "output", "file", nil)}}
	config := &caddy.Config{
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: &log}},
		AppsRaw: caddy.ModuleMap{"layer4": json.RawMessage(`{"servers": {` + servers + `}}`)},
	}
	if err := caddy.Validate(config); err != nil { // which also ends it
		t.Fatal(servers, err)
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	slices.Sort(addresses)
	return addresses, string(text)
}

// Connections skip the route of layer4 where it is the only one, without matchers and with no
// other handler.
func TestSkippedRoutes(t *testing.T) {
	t.Setenv("UNROUTED", "7003")
	tls := unnamedFrontend(1)
	server := func(listen, routes string) string { return `{"listen": [` + listen + `], "routes": [` + routes + `]}` }
	route := `{"handle": [` + tls + `]}`
	const address = `"durable/127.0.0.1:7001"`
	nested := `{"handler": "subroute", "routes": [` + route + `]}`
	for _, c := range []struct {
		servers string
		want    string
	}{
		{`"a": ` + server(address, route), "durable/127.0.0.1:7001"},
		{`"a": {"matching_timeout": "1s", "idle_timeout": "1s", "listen": [` + address + `], "routes": [` + route + `]}`, "durable/127.0.0.1:7001"},
		{`"a": ` + server(`"durable/127.0.0.1:7001-7002", "tcp/127.0.0.1:7006", "durable6/[::1]:{env.UNROUTED}", "durable+shared/:7004", "udp/:7005"`, route), "durable+shared/:7004 durable/127.0.0.1:7001-7002 durable6/[::1]:7003"},
		{`"a": ` + server(`"tcp/127.0.0.1:7001"`, route), ""},

		{`"a": ` + server(address, `{"match": [{"test_answer": {"answer": "yes"}}], "handle": [`+tls+`]}`), ""},
		{`"a": ` + server(address, `{"match": [{}], "handle": [`+tls+`]}`), ""},
		{`"a": ` + server(address, `{"handle": [`+unnamedFrontend(2)+`, `+tls+`]}`), ""},
		{`"a": ` + server(address, route+`, {"handle": [`+unnamedFrontend(2)+`]}`), ""},
		{`"a": ` + server(address, route+`, {}`), ""},
		{`"a": ` + server(address, `{"handle": [`+nested+`]}`), ""},

		{`"a": ` + server(address, route) + `, "b": ` + server(`"durable/127.0.0.1:7002"`, route), "durable/127.0.0.1:7001 durable/127.0.0.1:7002"},
		{`"a": ` + server(address, route) + `, "b": ` + server(`"durable/127.0.0.1:7002"`, `{"handle": [`+nested+`]}`), "durable/127.0.0.1:7001"},
		{`"a": ` + server(address, route) + `, "b": ` + server(`"durable/127.0.0.1:7002"`, `{"match": [{"test_answer": {"answer": "no"}}], "handle": [`+tls+`]}`), "durable/127.0.0.1:7001"},
		// It asks what may take its time.
		{`"a": ` + server(address, `{"handle": [{"connection": [{"action": "close", "match": [{"test_answer": {"answer": "no", "blind": true}}]}],`+tls[1:]+`]}`), ""},
		// Two servers that the address does not tell apart.
		{`"a": ` + server(`"durable/127.0.0.1:0"`, route) + `, "b": ` + server(`"durable/127.0.0.1:0"`, `{"match": [{}], "handle": [`+tls+`]}`), ""},
		{`"a": ` + server(`"durable+shared/127.0.0.1:7001"`, route) + `, "b": ` + server(`"durable+shared/127.0.0.1:7001"`, route), ""},
	} {
		for range 5 { // Caddy takes servers in different orders
			got, logged := taken(t, c.servers, "WARN")
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s:\ntaken at %q, want %q", c.servers, got, c.want)
			}
			if strings.Contains(logged, "route of layer4") {
				t.Errorf("%s: %s", c.servers, logged)
			}
		}
		if got, _ := taken(t, c.servers, "DEBUG"); len(got) > 0 {
			t.Errorf("%s: caddy-l4 logs connections, and they are taken at %q", c.servers, got)
		}
	}
}

// A newer caddy-l4 may do something with connections that are taken without it, or say in
// another way that it does not.
func TestLayer4IsKnown(t *testing.T) {
	if err := layer4Known(); err != nil {
		t.Fatalf("connections to the handler do not skip caddy-l4 any more, since it has changed:\n%v\n"+
			"Read its App.Start, Server.serve, Server.handle, Route.Provision and RouteList.Compile, see whether skipRoute does for connections what they do, and bring it up to date.", err)
	}
}

func TestLayer4IsUnknown(t *testing.T) {
	type server struct {
		Listen      []string
		Wrappers    []json.RawMessage
		matcherSets layer4.MatcherSets
	}
	_ = server{}.matcherSets
	known, sets := reflect.TypeFor[server](), reflect.TypeFor[layer4.MatcherSets]()
	for want, err := range map[string]error{
		`l4passthrough.server has the options ["Listen" "Wrappers"], expected ["Listen"]`:                     hasOptions(known, "Listen"),
		`l4passthrough.server has the options ["Listen" "Wrappers"], expected ["Listen" "Wrappers" "Routes"]`: hasOptions(known, "Listen", "Wrappers", "Routes"),
		`l4passthrough.server has no field matchers, expected one of type layer4.MatcherSets`:                 hasField(known, "matchers", sets),
		`the field Listen of l4passthrough.server has the type []string, expected layer4.MatcherSets`:         hasField(known, "Listen", sets),
		`the field matcherSets of l4passthrough.server has the type layer4.MatcherSets, expected []string`:    hasField(known, "matcherSets", reflect.TypeFor[[]string]()),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := errors.Join(hasOptions(known, "Listen", "Wrappers"), hasField(known, "matcherSets", sets)); err != nil {
		t.Error(err)
	}

	original := layer4Known
	defer func() { layer4Known = original }()
	layer4Known = func() error { return errAsked }
	got, logged := taken(t, `"a": `+layer4Server("durable/127.0.0.1:7001", unnamedFrontend(1)), "WARN")
	if len(got) > 0 || !strings.Contains(logged, "connections take the route of layer4, which costs more") || !strings.Contains(logged, errAsked.Error()) {
		t.Errorf("taken at %q, logged %q", got, logged)
	}
}
