// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// End is a connection that has ended, with fields of its log line.
type End struct {
	// ID is the one that the connection had among the sessions.
	ID    uint64    `json:"id"`
	Ended time.Time `json:"ended"`
	// Frontend, Backend and Server are as in the log; Address is the server's.
	Frontend string `json:"frontend"`
	Backend  string `json:"backend,omitempty"`
	Server   string `json:"server,omitempty"`
	Address  string `json:"address,omitempty"`
	Client   string `json:"client"`
	// Name is the server name in the hello; bytes that are not printable are \xNN.
	Name string `json:"name,omitempty"`
	// Outcome is that of the inspection: hello, not_tls and so on, or none.
	Outcome string `json:"outcome"`
	// TLSVersion is the highest version that the client offered, ServerTLSVersion the one that the
	// server chose. ServerAlert is the alert by which it refused the handshake.
	TLSVersion       string `json:"tls_version,omitempty"`
	ServerTLSVersion string `json:"server_tls_version,omitempty"`
	ServerAlert      string `json:"server_alert,omitempty"`
	// Termination has HAProxy's two letters, Reason is the end in the log, such as complete or
	// connect_failed, and Meaning says the same in words. By is the side that ended the connection:
	// client, server or proxy. Failed reports whether the connection was refused or failed.
	Termination string `json:"termination"`
	Reason      string `json:"reason"`
	Meaning     string `json:"meaning"`
	By          string `json:"by"`
	Failed      bool   `json:"failed"`
	// Error is the cause, if more is known.
	Error string `json:"error,omitempty"`
	// BytesIn and BytesOut are the bytes of the client and of the server.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// Duration is the time from accept to the end, in seconds, and HelloWait, QueueTime and
	// ConnectTime are parts of it; -1: the connection did not get that far.
	Duration     float64 `json:"duration"`
	HelloWait    float64 `json:"hello_wait"`
	QueueTime    float64 `json:"queue_time"`
	ConnectTime  float64 `json:"connect_time"`
	Retries      int     `json:"retries"`
	Redispatched bool    `json:"redispatched"`
}

func newEnd(e *control.End) End {
	out := End{
		ID: e.ID, Ended: e.At, Frontend: e.Frontend, Backend: e.Backend, Server: e.Server, Address: printable.Text(e.Address),
		Client: e.Client.String(), Name: printable.Text(e.Name), Outcome: e.OutcomeName(), TLSVersion: versionName(e.Version),
		Termination: e.End.Letters(), Reason: e.End.String(), Meaning: e.End.Meaning(), By: e.By.String(), Failed: e.End.IsFailure(), Error: printable.Message(e.Error),
		BytesIn: e.In, BytesOut: e.Out, Duration: e.Duration.Seconds(),
		HelloWait: secondsOrNot(e.HelloWait), QueueTime: secondsOrNot(e.Queue), ConnectTime: secondsOrNot(e.Connect), Retries: e.Retries, Redispatched: e.Redispatched,
	}
	version, alert, refused := e.ServerTLS()
	if out.ServerTLSVersion = versionName(version); refused {
		out.ServerAlert = tcplog.AlertName(alert)
	}
	return out
}

// versionName returns the name of a version of TLS, or nothing for 0.
func versionName(version uint16) string {
	if version == 0 {
		return ""
	}
	return clienthello.VersionName(version)
}

// secondsOrNot returns a time in seconds, or -1 if it was not reached.
func secondsOrNot(d time.Duration) float64 {
	if d == tcplog.NotReached {
		return -1
	}
	return d.Seconds()
}

// listEnds lists the last connections that have ended.
func listEnds(r *request) (any, error) {
	query := r.URL.Query()
	f, err := control.ParseEndFilter(query)
	if err != nil {
		return nil, err
	}
	limit, err := number(query, "limit", 0)
	if err != nil {
		return nil, err
	}
	list := []End{}
	for _, e := range control.Ends(f, limit) {
		list = append(list, newEnd(&e))
	}
	return list, nil
}
