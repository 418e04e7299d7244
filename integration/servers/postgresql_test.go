// SPDX-License-Identifier: Apache-2.0

//go:build servers

package servers

import (
	"path/filepath"
	"testing"
)

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	postgres := find(t, "postgres", "/usr/lib/postgresql/*/bin/postgres")
	dir, address := shortDir(t), freeAddress(t)
	data := filepath.Join(dir, "data")
	run(t, nobody(), filepath.Join(filepath.Dir(postgres), "initdb"), "-D", data, "-N", "-A", "trust", "-U", "root", "-E", "UTF8", "--locale", "C")
	hba := write(t, dir, "hba.conf", `host all trusted 127.0.0.1/32 trust
host all encrypted 127.0.0.1/32 scram-sha-256
host all hashed 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
host all turned_away 127.0.0.1/32 reject
`)
	stop := start(t, nobody(), nil, postgres, "-D", data, "-p", port(address), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "hba_file="+hba, "-c", "fsync=off", "-c", "shared_buffers=1MB", "-c", "max_connections=30")
	awaitListener(t, address)
	user := func(name string) string { return "option pgsql-check user " + name }
	all := []expected{
		{"trusted", user("trusted"), address, finding{"up", "L7OK", "no password"}, ""},
		{"encrypted", user("encrypted"), address, finding{"up", "L7OK", "SASL"}, ""},
		{"hashed", user("hashed"), address, finding{"up", "L7OK", ""}, ""},
		{"clear", user("clear"), address, finding{"up", "L7OK", "a password"}, ""},
		{"turned_away", user("turned_away"), address, finding{"down", "L7RSP", "FATAL 28000: pg_hba.conf rejects connection"}, ""},
		{"unknown", user("unknown"), address, finding{"down", "L7RSP", "FATAL 28000: no pg_hba.conf entry for host"}, ""},
		// HAProxy logs in before the greeting.
		{"mysql", "option mysql-check user root", address, finding{"down", "L7TOUT", ""}, "L7RSP"},
	}
	expect := judge(t, all)
	expect(t, all)
	stop()
	expect(t, stopped(all))
}
