// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// form is the form of our frontends, from the environment: layer4, as handlers of layer4 servers,
// or app, as frontends of the app passthrough; empty: as the adapter writes them.
var form = os.Getenv("FORM")

type object = map[string]any

// inForm adapts the haproxy.cfg of a directory, and writes the configuration in the requested form.
func (c *caddy) inForm(dir string, env []string) (file string, err error) {
	adapt := exec.Command(c.path, "adapt", "--config", "haproxy.cfg", "--adapter", "haproxy")
	adapt.Dir, adapt.Env = dir, env
	adapted, err := adapt.Output()
	if err != nil {
		return "", fmt.Errorf("adapting haproxy.cfg: %w", err)
	}
	if !sendsToRig(adapted, env) {
		if adapted, err = loggedAtEnd(adapted); err != nil {
			return "", err
		}
	}
	text, err := reformed(adapted, form)
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "caddy.json")
	return file, os.WriteFile(file, text, 0o600)
}

// sendsToRig reports whether a configuration has the rig's log as a target. A found file has not.
func sendsToRig(config []byte, env []string) bool {
	return slices.ContainsFunc(env, func(v string) bool {
		number, ok := strings.CutPrefix(v, "log=")
		return ok && bytes.Contains(config, []byte(":"+number))
	})
}

// loggedAtEnd returns a configuration in which each connection has a line, at its end.
func loggedAtEnd(config []byte) ([]byte, error) {
	var all object
	if err := json.Unmarshal(config, &all); err != nil {
		return nil, err
	}
	apps, _ := all["apps"].(object)
	app, _ := apps["passthrough"].(object)
	frontends, _ := app["frontends"].(object)
	for _, f := range frontends {
		for _, option := range []string{"log_format", "log_as_soon_as", "log_steps", "dontlognull", "dontlog_normal"} {
			delete(f.(object), option)
		}
	}
	return json.Marshal(all)
}

// reformed returns a configuration with its frontends in a form.
func reformed(config []byte, form string) ([]byte, error) {
	var all struct {
		Apps  map[string]object `json:"apps"`
		Other object            `json:"-"`
	}
	if err := json.Unmarshal(config, &all.Other); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(config, &all); err != nil {
		return nil, err
	}
	switch form {
	case "layer4":
		for name := range toLayer4(all.Apps) {
			renameLogger(all.Other["logging"], "passthrough.frontend."+name, "layer4.handlers.passthrough."+name)
		}
	case "app":
		toApp(all.Apps)
	default:
		return nil, fmt.Errorf("FORM=%s: expected layer4 or app", form)
	}
	all.Other["apps"] = all.Apps
	return json.MarshalIndent(all.Other, "", "\t")
}

// renameLogger replaces the name of a logger wherever a log includes or excludes it.
func renameLogger(logging any, name, by string) {
	config, _ := logging.(object)
	logs, _ := config["logs"].(object)
	for _, log := range logs {
		for _, list := range []string{"include", "exclude"} {
			names, _ := log.(object)[list].([]any)
			for i := range names {
				if names[i] == name {
					names[i] = by
				}
			}
		}
	}
}

// toLayer4 turns each frontend of the app into a layer4 server with only this handler, and returns
// these servers.
func toLayer4(apps map[string]object) (servers object) {
	frontends, _ := apps["passthrough"]["frontends"].(object)
	if len(frontends) == 0 {
		return nil
	}
	servers = make(object)
	for name, f := range frontends {
		handler := maps.Clone(f.(object))
		if os.Getenv("WAY") == "general" && (handler["maxconn"] != nil || handler["rate_limit_sessions"] != nil) {
			continue // caddy-l4 has a goroutine for each connection: of two, the later one may get the place
		}
		headers, same := headerSources(handler)
		if !same || slices.ContainsFunc(handler["bind"].([]any), func(b any) bool { return b.(object)["maxconn"] != nil }) {
			continue // a handler has one list, and no limit for each address
		}
		delete(frontends, name)
		if headers != nil {
			handler["accept_proxy"] = headers
		}
		handler["handler"], handler["name"] = "passthrough", name
		// If a fetch needs a bind's name or ID, binds without them must not get those of others.
		found := false
		var listen, listeners []any
		for _, b := range handler["bind"].([]any) {
			bind := b.(object)
			address := bind["address"].(string)
			if !strings.HasPrefix(address, "durable") {
				address = "durable/" + address
			}
			_, bare, _ := strings.Cut(address, "/")
			bare = strings.Replace(bare, "abns/", "unix/@", 1)
			if mode, ok := bind["mode"].(string); ok {
				address += "|" + mode
			}
			listen = append(listen, address)
			listener := object{"address": bare}
			for _, key := range []string{"name", "id"} {
				if bind[key] != nil {
					listener[key], found = bind[key], true
				}
			}
			listeners = append(listeners, listener)
		}
		delete(handler, "bind")
		if found {
			handler["listeners"] = listeners
		}
		servers[name] = object{"listen": listen, "routes": []any{object{"handle": []any{handler}}}}
	}
	if len(frontends) == 0 {
		delete(apps["passthrough"], "frontends")
	}
	if len(servers) > 0 {
		apps["layer4"] = object{"servers": servers}
	}
	return servers
}

// headerSources returns the sources of PROXY headers of a frontend's binds, unless they differ.
func headerSources(f object) (sources any, same bool) {
	binds := f["bind"].([]any)
	sources = binds[0].(object)["accept_proxy"]
	return sources, !slices.ContainsFunc(binds, func(b any) bool { return !reflect.DeepEqual(b.(object)["accept_proxy"], sources) })
}

// toApp turns each layer4 server with only this handler into a frontend of the app.
func toApp(apps map[string]object) {
	servers, _ := apps["layer4"]["servers"].(object)
	frontends := make(object)
	for key, s := range servers {
		server := s.(object)
		route := server["routes"].([]any)[0].(object)
		handler := maps.Clone(route["handle"].([]any)[0].(object))
		listeners, _ := handler["listeners"].([]any)
		var binds []any
		for _, l := range server["listen"].([]any) {
			bind := object{"address": l}
			_, bare, _ := strings.Cut(l.(string), "/")
			bare, _, _ = strings.Cut(bare, "|")
			bare = strings.Replace(bare, "abns/", "unix/@", 1)
			if i := slices.IndexFunc(listeners, func(l any) bool { return l.(object)["address"] == bare }); i >= 0 {
				maps.Copy(bind, listeners[i].(object))
				bind["address"] = l
				listeners = slices.Delete(slices.Clone(listeners), i, i+1)
			}
			binds = append(binds, bind)
		}
		if len(listeners) > 0 {
			continue // ranges of ports whose parts are numbered
		}
		name := handler["name"].(string)
		delete(handler, "handler")
		delete(handler, "name")
		delete(handler, "listeners")
		handler["bind"] = binds
		frontends[name] = handler
		delete(servers, key)
	}
	if len(frontends) > 0 {
		apps["passthrough"]["frontends"] = frontends
	}
	if len(servers) == 0 {
		delete(apps, "layer4")
	}
}

// Each form turns into the other, and a configuration without frontends stays the same.
func TestForms(t *testing.T) {
	const (
		app = `{"admin": {"listen": "localhost:2019"}, "apps": {"passthrough": {"backends": {"b": {}}, "frontends": {"tls": {
			"bind": [{"address": "127.0.0.1:443", "name": "x", "id": 7}, {"address": "durable4+shared/:8000-8010"}, {"address": "unix//run/s", "mode": "0222"}], "default_backend": "b"}}}}}`
		layer4 = `{"admin": {"listen": "localhost:2019"}, "apps": {"passthrough": {"backends": {"b": {}}}, "layer4": {"servers": {"tls": {
			"listen": ["durable/127.0.0.1:443", "durable4+shared/:8000-8010", "durable/unix//run/s|0222"],
			"routes": [{"handle": [{"handler": "passthrough", "name": "tls", "default_backend": "b", "listeners": [{"address": "127.0.0.1:443", "name": "x", "id": 7}, {"address": ":8000-8010"}, {"address": "unix//run/s"}]}]}]}}}}}`
		unnamed = `{"apps": {"passthrough": {"frontends": {"tls": {"bind": [{"address": ":443"}]}}}}}`
		bare    = `{"apps": {"passthrough": {}, "layer4": {"servers": {"tls": {"listen": ["durable/:443"], "routes": [{"handle": [{"handler": "passthrough", "name": "tls"}]}]}}}}}`
		again   = `{"admin": {"listen": "localhost:2019"}, "apps": {"passthrough": {"backends": {"b": {}}, "frontends": {"tls": {
			"bind": [{"address": "durable/127.0.0.1:443", "name": "x", "id": 7}, {"address": "durable4+shared/:8000-8010"}, {"address": "durable/unix//run/s|0222"}], "default_backend": "b"}}}}}`
		logged = `{"apps": {"passthrough": {"frontends": {"tls": {"bind": [{"address": ":443"}]}}}}, "logging": {"logs": {"a": {"include": ["passthrough.frontend.tls", "passthrough.backend"]}, "b": {"exclude": ["passthrough.frontend.tls"]}}}}`
		named  = `{"apps": {"passthrough": {}, "layer4": {"servers": {"tls": {"listen": ["durable/:443"], "routes": [{"handle": [{"handler": "passthrough", "name": "tls"}]}]}}}},
			"logging": {"logs": {"a": {"include": ["layer4.handlers.passthrough.tls", "passthrough.backend"]}, "b": {"exclude": ["layer4.handlers.passthrough.tls"]}}}}`
		none = `{"apps": {"http": {"servers": {"web": {"listen": [":80"]}}}}}`
	)
	for _, c := range []struct{ form, from, to string }{
		{"layer4", app, layer4}, {"layer4", layer4, layer4}, {"app", layer4, again}, {"app", app, app}, {"layer4", unnamed, bare}, {"layer4", logged, named}, {"layer4", none, none}, {"app", none, none},
	} {
		got, err := reformed([]byte(c.from), c.form)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(got, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(c.to), &b); err != nil {
			t.Fatal(err)
		}
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
			t.Errorf("in the form %s:\n%s\ngot\n%s\nwant\n%s", c.form, c.from, x, y)
		}
	}
	if _, err := reformed([]byte(none), "caddyfile"); err == nil {
		t.Error("an unknown form was accepted")
	}
}
