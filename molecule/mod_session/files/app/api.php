<?php
// Copyright (c) 2026, webtier.apache_balancer contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Counts the visits of a session, and remembers the name it is told. The node keeps nothing: the balancer in front
// sends what is in the session, and takes back what is to be in it.

parse_str($_SERVER['HTTP_X_SESSION'] ?? '', $session);
$new = !isset($session['visits']);
$visits = (int) ($session['visits'] ?? 0) + 1;
$name = $_GET['name'] ?? $session['name'] ?? null;

header('Content-Type: application/json');
header('X-Served-By: ' . gethostname());
header('X-Replace-Session: ' . http_build_query(['visits' => $visits, 'name' => $name]));
echo json_encode(['node' => gethostname(), 'visits' => $visits, 'new' => $new, 'name' => $name]), "\n";
