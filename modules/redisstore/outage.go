// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// quiet is the time for which no outage is logged after the last one.
const quiet = 10 * time.Second

// outage remembers which outage was logged.
type outage struct {
	logged bool      // that Redis is unreachable
	last   time.Time // when that was
}

// noteOutage notes that Redis is unreachable.
func (s *share) noteOutage(err error) {
	before, _ := s.status.set(stick.Unreachable, err)
	if before != stick.Unreachable {
		s.counts.outages.Add(1)
	}
	if s.outage.logged || time.Since(s.outage.last) < quiet && before == stick.Connected {
		return
	}
	s.outage.logged, s.outage.last = true, time.Now()
	s.log().Error("Redis is unreachable: the stick table goes on with what this node knows", zap.Error(err))
}

// noteReachable notes that Redis is reachable.
func (s *share) noteReachable() {
	before, lasted := s.status.set(stick.Connected, nil)
	s.reachable.Store(true)
	if before == stick.Connecting {
		s.log().Info("sharing the stick table", zap.String("node", s.node))
		return
	}
	if s.outage.logged {
		s.outage.logged = false
		s.log().Info("Redis is reachable again: sharing the stick table", zap.Duration("outage", lasted))
	}
}

// log returns the logger of the configuration that runs: the share may outlive the one that has
// begun it.
func (s *share) log() *zap.Logger {
	return caddy.Log().Named("passthrough.stick_stores.redis").With(zap.String("stick_table", s.name))
}
