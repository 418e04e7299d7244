// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"io"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// When another configuration starts to run, it decides about clients whose hello is not complete,
// even if its matchers may block or it needs no hello.
func TestDecidedByTheRunningConfiguration(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	app := newAppOf(t, map[string]string{
		"old": `{"servers": [{"name": "s1", "address": "` + programs.Refusing(t).String() + `"}], "retries": 0}`,
		"new": `{"servers": [{"name": "s1", "address": "` + answeringOnce(t) + `"}]}`,
	})
	for name, next := range map[string]Config{
		"hello":   {},
		"foreign": {Session: compiled(t, `{"rules": [{"action": "close", "match": [{"remote_ip": {"ranges": ["192.0.2.0/24"]}}]}]}`)},
		"rules":   {Content: compiled(t, `{"inspect_delay": "1h", "rules": [{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}]}`)},
		"none":    {Content: new(rules.Config)},
	} {
		for way, serve := range ways {
			for _, before := range []int{0, 100} {
				old, _ := frontendTo(app, "old", Config{Name: name, InspectDelay: time.Hour})
				client, socket := accepted(t)
				if err := serve(old, socket); err != nil {
					t.Fatal(err)
				}
				sends(hello[:before])(t, client)
				pauses(t, client)
				next.Name, next.InspectDelay = name, time.Hour
				f, _ := frontendTo(app, "new", next)
				f.setActive()
				sends(hello[before:])(t, client)
				finishes(t, client)
				if got, err := io.ReadAll(client); string(got) != "1506 bytes" {
					t.Errorf("%s, %s, after %d bytes: the client got %q, %v", name, way, before, got, err)
				}
			}
		}
	}
}

// A client that waits on a shard keeps no old configuration in memory.
func TestWaitingKeepsNoConfiguration(t *testing.T) {
	app := newAppOf(t, map[string]string{"web": `{"servers": []}`})
	hello := hellotest.Record(22, append([]byte{1, 0, 0x30, 0}, make([]byte, 0x3000)...))
	for _, before := range []int{0, 100, 2 * maxReinspected} {
		old := func() weak.Pointer[Frontend] {
			f, _ := frontendTo(app, "web", Config{Name: "waiting", InspectDelay: time.Hour})
			client, socket := accepted(t)
			t.Cleanup(func() { client.Close() })
			if err := ways["fast"](f, socket); err != nil {
				t.Fatal(err)
			}
			sends(hello[:before])(t, client)
			return weak.Make(f)
		}()
		f, _ := frontendTo(app, "web", Config{Name: "waiting", InspectDelay: time.Hour})
		pauses(t, nil)
		f.setActive()
		for over := time.Now().Add(time.Minute); old.Value() != nil; time.Sleep(time.Millisecond) {
			if runtime.GC(); time.Now().After(over) {
				t.Fatalf("after %d bytes: the old frontend is kept", before)
			}
		}
		runtime.KeepAlive(f)
	}
}
