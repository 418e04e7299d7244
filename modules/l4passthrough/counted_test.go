// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// The log line has the counts at the end of the connection, and all counts return to zero.
func TestCountsInTheLog(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Write([]byte("hi"))
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	h := &Handler{Name: "counted"}
	if err := json.Unmarshal(fmt.Appendf(nil, `{"servers": [{"name": "s1", "address": %q}]}`, ln.Addr()), &h.Backend); err != nil {
		t.Fatal(err)
	}
	app, ctx := frontendtest.App(t, nil)
	logged := provisioned(t, ctx, app, h)
	t.Cleanup(h.Backend.Close)
	before := counted(sample.ObjectConnection, "act_conn", "")
	var clients []net.Conn
	for range 3 {
		client, server := frontendtest.Connected(t)
		go func() { _ = h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil) }()
		if _, err := client.Write(newSpecimen(t, "a.example.test", "").raw); err != nil {
			t.Fatal(err)
		}
		_ = client.SetDeadline(time.Now().Add(time.Minute))
		got := make([]byte, 2)
		if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, []byte("hi")) {
			t.Fatalf("%q, %v", got, err)
		}
		clients = append(clients, client)
	}
	for i, client := range clients {
		client.Close()
		others := int64(len(clients) - i - 1)
		for over := time.Now().Add(time.Minute); counted(sample.ObjectFrontend, "fe_conn", "counted") != others || logged.Len() != i+1 || counted(sample.ObjectConnection, "act_conn", "")-before > others; time.Sleep(time.Millisecond) {
			if time.Now().After(over) {
				t.Fatalf("%d lines, %d connections of the frontend, %d of the process", logged.Len(), counted(sample.ObjectFrontend, "fe_conn", "counted"), counted(sample.ObjectConnection, "act_conn", "")-before)
			}
		}
		beconn := counted(sample.ObjectBackend, "be_conn", "counted")
		fields := logged.All()[i].ContextMap()
		if fields["feconn"] != others+1 || fields["beconn"] != others || fields["srv_conn"] != others || beconn != others {
			t.Errorf("session %d, beside %d others: logged as %v; the backend has %d", i, others, fields, beconn)
		}
	}
}

// counted returns what a fetch counts of the process.
func counted(about sample.Object, fetch, name string) int64 {
	v, _ := frontend.ProcessState.Answer(sample.Question{Fetch: fetch, About: about, Proxy: name})
	return v.Int()
}
