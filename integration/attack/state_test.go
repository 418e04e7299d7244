// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// server is a server's state.
type server struct {
	Health                string
	Sessions, Queue, Down int64
	Total                 uint64
	ConnectsFailed        uint64
	Check                 string
}

// servers returns the states of the backend's servers by name.
func (s *stage) servers() map[string]server {
	s.Helper()
	if !s.isOurs() {
		return s.haproxyServers()
	}
	var answer struct {
		Servers map[string]struct {
			Health         string
			Sessions       int64
			Queue          int64
			Downs          int64
			SessionsTotal  uint64                 `json:"sessions_total"`
			ConnectsFailed uint64                 `json:"connects_failed"`
			LastCheck      *struct{ Code string } `json:"last_check"`
		}
	}
	_, text := s.ask(http.MethodGet, "/passthrough/backends/web", "")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		s.Fatalf("%v in %s", err, text)
	}
	all := make(map[string]server)
	for name, a := range answer.Servers {
		one := server{Health: a.Health, Sessions: a.Sessions, Queue: a.Queue, Down: a.Downs, Total: a.SessionsTotal, ConnectsFailed: a.ConnectsFailed}
		if a.LastCheck != nil {
			one.Check = a.LastCheck.Code
		}
		all[name] = one
	}
	return all
}

// haproxyServers reads the states from HAProxy's socket.
func (s *stage) haproxyServers() map[string]server {
	text := s.tell("show stat web 4 -1")
	var columns []string
	all := make(map[string]server)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			columns = strings.Split(strings.TrimSpace(rest), ",")
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), ",")
		if len(cells) < len(columns) || len(columns) == 0 {
			continue
		}
		cell := make(map[string]string)
		for i, c := range columns {
			cell[c] = cells[i]
		}
		number := func(column string) int64 {
			n, _ := strconv.ParseInt(cmp.Or(cell[column], "0"), 10, 64)
			return n
		}
		all[cell["svname"]] = server{
			Health: strings.ToLower(strings.Fields(cell["status"] + " x")[0]), Sessions: number("scur"), Queue: number("qcur"), Down: number("chkdown"),
			Total: uint64(number("stot")), ConnectsFailed: uint64(number("econ") + number("wretr") + number("wredis")), Check: cell["check_status"],
		}
	}
	return all
}

// tell sends a command to HAProxy's socket.
func (s *stage) tell(command string) string {
	s.Helper()
	c, err := net.DialTimeout("unix", s.socket, patience)
	if err != nil {
		s.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintln(c, command)
	text, err := io.ReadAll(c)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}
