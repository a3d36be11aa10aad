<?php
// Copyright (c) 2026, webtier.apache_balancer contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Counts the visits of a session, and remembers the name it is told.

session_start();
$new = !isset($_SESSION['visits']);
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
if (isset($_GET['name'])) {
    $_SESSION['name'] = $_GET['name'];
}

header('Content-Type: application/json');
header('X-Served-By: ' . gethostname());
echo json_encode([
    'node' => gethostname(),
    'session' => session_id(),
    'visits' => $_SESSION['visits'],
    'new' => $new,
    'name' => $_SESSION['name'] ?? null,
]), "\n";
