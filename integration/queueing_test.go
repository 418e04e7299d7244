// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// queueing is a frontend before the backend web, whose servers hold each client until the test lets
// it go.
type queueing struct {
	*process
	address string
	servers map[string]string // addresses by name
	came    chan guest
	kept    map[string]guest // by client
}

type guest struct {
	who   string        // server and client
	leave chan struct{} // closed: the server answers its name
}

// startQueueing starts with a backend in which $s1, $s2 and $s3 are addresses.
func startQueueing(t *testing.T, backend string) *queueing {
	t.Helper()
	q := &queueing{address: freeAddress(t), servers: make(map[string]string), came: make(chan guest, 100), kept: make(map[string]guest)}
	for _, name := range []string{"s1", "s2", "s3"} {
		q.servers[name] = listen(t, func(c *net.TCPConn) {
			client := make([]byte, 1)
			if skipHello(c) != nil {
				return
			}
			if _, err := io.ReadFull(c, client); err != nil {
				return
			}
			v := guest{name + " " + string(client), make(chan struct{})}
			q.came <- v
			select {
			case <-v.leave:
				fmt.Fprint(c, name)
			case <-t.Context().Done():
			}
		})
	}
	q.process = start(t, q.config(backend, ""), "")
	return q
}

// config returns a configuration with a backend, the frontend, and more frontends.
func (q *queueing) config(backend, more string) string {
	if !strings.Contains(backend, "timeouts") {
		backend += "\ntimeouts queue 1m" // longer than any test
	}
	for name, address := range q.servers {
		backend = strings.ReplaceAll(backend, "$"+name, name+" "+address)
	}
	return fmt.Sprintf("passthrough {\nbackend web {\n%s\n}\n}\nlayer4 {\n durable/%s {\n route {\n passthrough {\n default_backend web\n }\n }\n }\n%s\n}", backend, q.address, more)
}

// reconfigure loads another backend.
func (q *queueing) reconfigure(t *testing.T, backend string) {
	t.Helper()
	if err := q.reload(t, q.config(backend, ""), ""); err != nil {
		t.Fatal(err)
	}
}

// arrive waits until clients have arrived at servers, each "SERVER CLIENT", in any order.
func (q *queueing) arrive(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range want {
		select {
		case v := <-q.came:
			got = append(got, v.who)
			_, client, _ := strings.Cut(v.who, " ")
			q.kept[client] = v
		case <-time.After(patience):
			t.Fatalf("arrived: %q, want %q:\n%s", got, want, q.log())
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Fatalf("arrived: %q, want %q:\n%s", got, want, q.log())
	}
}

// wait adds a waiting client behind n-1 others.
func (q *queueing) wait(t *testing.T, client string, n int) *net.TCPConn {
	t.Helper()
	c := say(t, q.address, client)
	q.waiting(t, n)
	return c
}

// served lets a server answer a client, and closes the connection.
func (q *queueing) served(t *testing.T, client string, c *net.TCPConn, server string) {
	t.Helper()
	close(q.kept[client].leave)
	if got, err := io.ReadAll(c); err != nil || string(got) != server {
		t.Errorf("%s got %q (%v), want %q", client, got, err, server)
	}
	c.Close()
}

// quiet checks that no other client has arrived at a server.
func (q *queueing) quiet(t *testing.T) {
	t.Helper()
	select {
	case v := <-q.came:
		t.Fatalf("%s: unexpected arrival:\n%s", v.who, q.log())
	case <-time.After(100 * time.Millisecond):
	}
}

// ends checks the log line of a client that has waited.
func (q *queueing) ends(t *testing.T, c *net.TCPConn, want string) {
	t.Helper()
	if l := q.ended(t, c); l.String() != want || l.QueueTime <= 0 || l.QueueTime > l.Duration {
		t.Errorf("logged %s after %vs, want %s; log line %+v", l, l.QueueTime, want, *l)
	}
}

func reset(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) }
