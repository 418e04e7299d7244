// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	absentKeys = 4096
	absentTime = time.Second
)

// absent remembers for a short time which keys Redis lacks. Of two keys with the same place it
// remembers the later one. The zero value is empty. It is safe for concurrent use.
type absent struct {
	mu     sync.Mutex
	places []absentKey
}

type absentKey struct {
	hash  uint64
	until time.Time
}

var absentSeed = maphash.MakeSeed()

func (a *absent) add(key []byte) {
	hash := maphash.Bytes(absentSeed, key)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.places == nil {
		a.places = make([]absentKey, absentKeys)
	}
	a.places[hash%absentKeys] = absentKey{hash, time.Now().Add(absentTime)}
}

func (a *absent) has(key []byte) bool {
	hash := maphash.Bytes(absentSeed, key)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.places == nil {
		return false
	}
	place := a.places[hash%absentKeys]
	return place.hash == hash && time.Now().Before(place.until)
}
