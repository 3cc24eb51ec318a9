-- A facility and a study as an installation of the first schema (0001) holds them.
INSERT INTO facility (id, name, code) VALUES (1, 'St. Anna', 'ANNA');
INSERT INTO feed (id, name, low, high, tail, epoch, revision) VALUES (1, 'orthanc', 0, 0, '[]', 0, 0);
INSERT INTO study (id, feed_id, orthanc_id, study_instance_uid, study_id, study_description, accession_number,
  institution_name, referring_physician_name, patient_id, patient_name, patient_sex, patient_age, modalities,
  series_count, instance_count, received_at, last_received_at, created_at, updated_at)
VALUES (1, 1, 'a', '1.2', '', '', '', '', '', '', '', '', '', '', 1, 2, '2026-03-01 12:00:00',
  '2026-03-01 13:00:00', '2026-03-01 13:00:00', '2026-03-01 13:00:00');
INSERT INTO series (id, feed_id, orthanc_id, study_id, series_instance_uid, modality, series_description,
  body_part_examined, protocol_name, station_name, instance_count)
VALUES (1, 1, 'b', 1, '1.2.3', 'CT', '', '', '', '', 2);
INSERT INTO instance (id, feed_id, orthanc_id, series_id, sop_instance_uid, sop_class_uid, transfer_syntax_uid,
  number_of_frames, file_size, calling_ae_title, called_ae_title, remote_ip, origin, received_at)
VALUES (1, 1, 'c', 1, '1.2.3.1', '', '', 1, 1, 'Anna_CT', '', '192.0.2.1', '', '2026-03-01 12:00:00'),
  (2, 1, 'd', 1, '1.2.3.2', '', '', 1, 1, 'ANNA_CT', '', '192.0.2.1', '', '2026-03-01 13:00:00')
