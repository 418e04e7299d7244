// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

// An address without a network is one of durable, whatever it names.
func TestAddressesOfBind(t *testing.T) {
	for bind, want := range map[string]string{
		`{"address": ":443"}`:                                        "durable/:443",
		`{"address": "127.0.0.1:8000-8010"}`:                         "durable/127.0.0.1:8000-8010",
		`{"address": "[::1]:443"}`:                                   "durable/[::1]:443",
		`{"address": "www.example.com:443"}`:                         "durable/www.example.com:443",
		`{"address": "durable6/:443"}`:                               "durable6/:443",
		`{"address": "durable+shared/:443"}`:                         "durable+shared/:443",
		`{"address": "tcp/:443"}`:                                    "tcp/:443",
		`{"address": "unix//run/x.sock"}`:                            "durable/unix//run/x.sock",
		`{"address": "unix//run/x.sock|0222"}`:                       "durable/unix//run/x.sock|0222",
		`{"address": "unix//run/x.sock", "mode": "0660"}`:            "durable/unix//run/x.sock|0660",
		`{"address": "durable/unix//run/x.sock", "mode": "222"}`:     "durable/unix//run/x.sock|222",
		`{"address": "unix/@name"}`:                                  "durable/unix/@name",
		`{"address": "abns/name"}`:                                   "durable/abns/name",
		`{"address": "fd/3"}`:                                        "durable/fd/3",
		`{"address": "{env.APPFRONTENDS_UNSET}:443"}`:                "durable/:443",
		`{"address": ""}`:                                            "! expected an object with address",
		`null`:                                                       "! expected an object with address",
		`{"address": "443"}`:                                         `! address "443": expected HOST:PORT or :PORT, such as :443 or [::1]:8443`,
		`{"address": "::1"}`:                                         `! address "::1": expected HOST:PORT`,
		`{"address": ":http"}`:                                       `! address ":http": invalid start port`,
		`{"address": "/run/x.sock"}`:                                 `! address "/run/x.sock": expected unix/ before the path of a socket: unix//run/x.sock`,
		`{"address": "udp/:443"}`:                                    `! address "udp/:443": expected one of TCP or a Unix socket of streams`,
		`{"address": ":443", "mode": "0660"}`:                        `! address ":443": mode "0660": expected it with the path of a Unix socket alone`,
		`{"address": "unix/@name", "mode": "0660"}`:                  `! address "unix/@name": mode "0660": expected it with the path`,
		`{"address": "durable+shared/unix//x", "mode": "0660"}`:      "durable+shared/unix//x|0660",
		`{"address": "durable/unix/@name", "mode": "0660"}`:          `! mode "0660": expected it with the path`,
		`{"address": "unix//run/x.sock", "mode": "rw"}`:              `mode "rw": expected an octal number, such as 0222`,
		`{"address": "unix//run/x.sock", "mode": "0444"}`:            `mode "0444": expected an octal number, such as 0222, in which the owner may write`,
		`{"address": "unix//run/x.sock|0222", "mode": "0660"}`:       `mode "0660": the address has one already`,
		`{"address": ":443", "id": -1}`:                              "! id -1: expected a whole number from 1",
		`{"address": ":443", "backlog": -1}`:                         "! backlog -1: expected a whole number from 1",
		`{"address": "unix//run/x.sock", "backlog": 9}`:              "durable/unix//run/x.sock",
		`{"address": "tcp/:443", "backlog": 9}`:                      `! backlog 9: it is for durable addresses: expected none with address "tcp/:443"`,
		`{"address": ":443", "keepalive_count": 128}`:                "! keepalive_count 128: expected a whole number from 1 to 127",
		`{"address": ":443", "keepalive_idle": 5}`:                   "keepalive_idle 5ns: expected at least 1ms",
		`{"address": ":443", "keepalive_interval": -1}`:              "keepalive_interval -1ns: expected a duration greater than zero",
		`{"address": ":443", "keepalive_idle": -1, "name": "a b.c"}`: "durable/:443",
	} {
		var b *Bind
		if err := json.Unmarshal([]byte(bind), &b); err != nil {
			t.Fatal(err)
		}
		err := b.provision()
		switch {
		case err != nil:
			if want = strings.TrimPrefix(want, "! "); !strings.Contains(err.Error(), want) {
				t.Errorf("%s:\n got %v\nwant %s", bind, err, want)
			}
		case b.listen != want:
			t.Errorf("%s: listens on %s, want %s", bind, b.listen, want)
		}
	}
}

func TestKeepaliveOfBind(t *testing.T) {
	for bind, want := range map[string]net.ListenConfig{
		`{}`:                       {},
		`{"keepalive_idle": -1}`:   {KeepAlive: -1},
		`{"keepalive_idle": "2s"}`: {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second}},
		`{"keepalive_interval": "3s", "keepalive_count": 4}`: {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Interval: 3 * time.Second, Count: 4}},
	} {
		b := new(Bind)
		if err := json.Unmarshal([]byte(bind), b); err != nil {
			t.Fatal(err)
		}
		if got := b.config(); got.KeepAlive != want.KeepAlive || got.KeepAliveConfig != want.KeepAliveConfig {
			t.Errorf("%s: %+v, want %+v", bind, got, want)
		}
	}
}

// parseListening parses the block of a frontend of the app.
func parseListening(block string) (*Frontend, error) {
	f := new(Frontend)
	return f, f.UnmarshalCaddyfile(caddyfile.NewTestDispenser("frontend tls {\n" + block + "\n}"))
}

func TestBindInCaddyfile(t *testing.T) {
	f, err := parseListening("bind :443 [::1]:8443 {\n name web\n keepalive_idle off\n}\nbind 127.0.0.1:{env.PORT} {\n id 3\n backlog 4096\n}\nbind unix//run/x.sock {\n mode 0660\n keepalive_idle 1m\n keepalive_interval 2s\n keepalive_count 3\n}\ndefault_backend b\nid 7")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"bind":[{"address":":443","name":"web","keepalive_idle":-1},{"address":"[::1]:8443","name":"web","keepalive_idle":-1},{"address":"127.0.0.1:{env.PORT}","id":3,"backlog":4096},` +
		`{"address":"unix//run/x.sock","mode":"0660","keepalive_idle":60000000000,"keepalive_interval":2000000000,"keepalive_count":3}],` +
		`"default_backend":"b","id":7,"origin":"Testfile:1 bind=2,2,6,10 default_backend=16"}`
	if diff := cmp.Diff(want, string(caddyconfig.JSON(f, nil))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMistakesOfListeningFrontends(t *testing.T) {
	const rest = "\nbind :443\ndefault_backend b"
	for block, want := range map[string]string{
		"default_backend b":                       `frontend "tls": no address to listen on: expected bind, such as bind :443, at Testfile:1`,
		"bind :443":                               `frontend "tls": no backend for its connections: expected use_backend, default_backend or servers of its own, at Testfile:1`,
		"bind" + rest:                             `bind: expected one or more addresses, such as :443 or 127.0.0.1:8443, at Testfile:2`,
		"bind 443" + rest:                         `bind: address "443": expected HOST:PORT or :PORT, such as :443 or [::1]:8443, at Testfile:2`,
		"bind :1 udp/:443" + rest:                 `bind: address "udp/:443": expected one of TCP or a Unix socket of streams, at Testfile:2`,
		"bind :1 {\n nme x\n}" + rest:             `unknown option "nme"; did you mean "name"?`,
		"bind :1 {\n mode 0660\n}" + rest:         `bind: address ":1": mode "0660": expected it with the path of a Unix socket alone, at Testfile:2`,
		"bind :1 :2 {\n id 1\n}" + rest:           `bind: id 1: expected one address with it, at Testfile:2`,
		"bind :1 {\n backlog 0\n}" + rest:         `backlog: "0": expected a whole number from 1 to 2147483647, at Testfile:3`,
		"bind tcp/:1 {\n backlog 9\n}" + rest:     `bind: backlog 9: it is for durable addresses: expected none with address "tcp/:1", or durable/ in place of its network, at Testfile:2`,
		"bind fd/3 {\n backlog 9\n}" + rest:       `bind: backlog 9: a descriptor has that of the program which opened it: expected none with address "fd/3", or Backlog= of systemd's socket, at Testfile:2`,
		"bind :1 {\n ssl\n}" + rest:               `"ssl" is not an option here: TLS is passed through as it is, and servers hold the certificates, at Testfile:3`,
		"bind :1 {\n keepalive_count 0\n}" + rest: `keepalive_count: "0": expected a whole number from 1 to 127, at Testfile:3`,
		"name x" + rest:                           `"name" is not an option here: the name follows the word frontend, at Testfile:2`,
		"listener :443 name x" + rest:             `"listener" is not an option here: bind has the address: bind :443, at Testfile:2`,
		"listen :443" + rest:                      `"listen" is not an option here: bind has the address`,
		"sni x" + rest:                            `"sni" is not an option here: it belongs in a rule`,
	} {
		if _, err := parseListening(block); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", block, err, want)
		}
	}
}

// What fetches find of binds where some have a name.
func TestListenersOfBinds(t *testing.T) {
	var binds []*Bind
	const config = `[{"address": ":443", "name": "all", "id": 4}, {"address": "10.0.0.1:443"}, {"address": "unix//run/x.sock", "mode": "0660"}, {"address": "abns/x", "id": 5}, {"address": "fd/3"}, {"address": "tcp/:444"}]`
	if err := json.Unmarshal([]byte(config), &binds); err != nil {
		t.Fatal(err)
	}
	for _, b := range binds {
		if err := b.provision(); err != nil {
			t.Fatal(err)
		}
	}
	const want = `[{"address":":443","name":"all","id":4},{"address":"10.0.0.1:443"},{"address":"unix//run/x.sock|0660"},{"address":"unix/@x","id":5},{"address":"fd/3"},{"address":"tcp/:444"}]`
	if diff := cmp.Diff(want, string(caddyconfig.JSON(listeners(binds), nil))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := listeners(binds[1:3]); got != nil {
		t.Errorf("without a name and a number: %v", got)
	}
}

// failing is a listener that lacks something a few times, and then waits until it is closed.
type failing struct {
	times  int
	closed chan struct{}
}

func (f *failing) Accept() (net.Conn, error) {
	if f.times--; f.times >= 0 {
		return nil, syscall.EMFILE
	}
	<-f.closed
	return nil, syscall.EBADF
}

func (f *failing) Close() error   { close(f.closed); return nil }
func (f *failing) Addr() net.Addr { return new(net.TCPAddr) }

// A listener that is not durable and lacks something is asked again, at ever longer intervals,
// until it is closed.
func TestAcceptAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &failing{times: 10, closed: make(chan struct{})}
		f := &Frontend{Handler: Handler{logger: zap.NewNop()}, listeners: []listening{{Listener: ln}}, closed: make(chan struct{})}
		began := time.Now()
		done := make(chan struct{})
		go func() { f.accept(listening{Listener: ln}); close(done) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if ln.times >= 0 {
			t.Errorf("it was not asked %d more times", ln.times+1)
		}
		f.StopListening()
		<-done
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it ended %v after it was closed", took-time.Minute)
		}
		ln = &failing{times: 10, closed: make(chan struct{})}
		f = &Frontend{Handler: Handler{logger: zap.NewNop()}, listeners: []listening{{Listener: ln}}, closed: make(chan struct{})}
		done = make(chan struct{})
		go func() { f.accept(listening{Listener: ln}); close(done) }()
		synctest.Wait()
		f.StopListening() // while it pauses
		<-done
	})
}
