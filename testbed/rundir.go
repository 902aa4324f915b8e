package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lockName marks a folder as a testbed's, and is locked while the testbed runs.
const lockName = "supervisor.lock"

// contents are what a cluster leaves in its folder, removed before the next start.
var contents = []string{"ready", "kubeconfig", "audit.log", "supervisor.pid", "log", "etcd", "pki", "components", "config", "kubectl-cache", "down"}

// openRunDir makes and locks the folder of a cluster. It returns its absolute path
// and the file that holds the lock.
func openRunDir(dir string) (string, *os.File, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, fmt.Errorf("finding the absolute path of RUN_DIR: %w", err)
	}
	if strings.ContainsAny(dir, ",\n") {
		return "", nil, fmt.Errorf("RUN_DIR %q: some components cannot read paths with a comma or a newline; choose another", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("making RUN_DIR: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, fmt.Errorf("reading RUN_DIR: %w", err)
	}
	lockPath := filepath.Join(dir, lockName)
	if _, err := os.Stat(lockPath); len(entries) > 0 && errors.Is(err, os.ErrNotExist) && !onlyLog(entries) {
		return "", nil, fmt.Errorf("RUN_DIR %s is not empty and not a testbed's; give a new or an empty folder", dir)
	}
	lock, err := os.OpenFile(lockPath, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("opening the lock of RUN_DIR: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		pid, _ := os.ReadFile(filepath.Join(dir, "supervisor.pid"))
		return "", nil, fmt.Errorf("RUN_DIR %s is in use by a running testbed (pid %s); stop it or choose another folder",
			dir, strings.TrimSpace(string(pid)))
	}
	return dir, lock, nil
}

// onlyLog says whether there is nothing but the supervisor's own output, which the
// shell that starts it may have put there.
func onlyLog(entries []os.DirEntry) bool {
	return len(entries) == 1 && entries[0].Name() == "supervisor.log"
}

// cleanRunDir removes what an earlier cluster left and makes the folders anew.
func cleanRunDir(dir string) error {
	for _, name := range contents {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("removing what an earlier testbed left: %w", err)
		}
	}
	for _, name := range []string{"log", "etcd", "pki", "components", "config", "down"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return fmt.Errorf("making a folder of the cluster: %w", err)
		}
	}
	return writeFile(filepath.Join(dir, "supervisor.pid"), fmt.Appendf(nil, "%d\n", os.Getpid()))
}

// readyFile is the content of RUN_DIR/ready, which exists from when the cluster is
// ready until it is stopped.
type readyFile struct {
	Kubeconfig     string            `json:"kubeconfig"`
	Server         string            `json:"server"`
	Issuer         string            `json:"issuer"`
	Binary         string            `json:"binary"`
	AuditLog       string            `json:"audit_log"`
	SupervisorPID  int               `json:"supervisor_pid"`
	PIDs           map[string]int    `json:"pids"`
	Ports          map[portKind]int  `json:"ports"`
	PodNetwork     string            `json:"pod_network"`
	Nodes          int               `json:"nodes"`
	Metrics        bool              `json:"metrics"`
	Kubeconfigs    map[string]string `json:"component_kubeconfigs"`
	StartedSeconds float64           `json:"started_in_seconds"`
}

// writeReady writes the ready file at once or not at all.
func (c *cluster) writeReady(seconds float64) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the path of this binary: %w", err)
	}
	ready := readyFile{
		Kubeconfig:     c.path("kubeconfig"),
		Server:         c.server(),
		Issuer:         c.issuerURL(),
		Binary:         self,
		AuditLog:       c.path("audit.log"),
		SupervisorPID:  os.Getpid(),
		PIDs:           map[string]int{},
		Ports:          c.ports.numbers,
		PodNetwork:     c.podNetwork.cidr,
		Nodes:          c.options.nodes,
		Metrics:        !c.options.noMetrics,
		Kubeconfigs:    map[string]string{},
		StartedSeconds: seconds,
	}
	for name, p := range c.processes {
		ready.PIDs[name] = p.cmd.Process.Pid
	}
	for _, user := range users {
		if user.key != "admin" && user.key != "supervisor" {
			ready.Kubeconfigs[user.key] = c.path("components/" + user.key + ".kubeconfig")
		}
	}
	content, err := json.MarshalIndent(ready, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the ready file: %w", err)
	}
	unfinished := c.path(".ready")
	if err := writeFile(unfinished, append(content, '\n')); err != nil {
		return err
	}
	if err := os.Rename(unfinished, c.path("ready")); err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	return nil
}
