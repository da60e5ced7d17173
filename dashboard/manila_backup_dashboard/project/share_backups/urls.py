# SPDX-License-Identifier: Apache-2.0
"""Addresses of the pages of share backups."""

from django.urls import path

from manila_backup_dashboard.project.share_backups import files
from manila_backup_dashboard.project.share_backups import restoring
from manila_backup_dashboard.project.share_backups import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('create/', views.Create.as_view(), name='create'),
    path('<str:backup_id>/', views.Detail.as_view(), name='detail'),
    path('<str:backup_id>/update/', views.Update.as_view(), name='update'),
    path('<str:backup_id>/metadata/', views.UpdateMetadata.as_view(),
         name='metadata'),
    path('<str:backup_id>/restore/', restoring.Restore.as_view(),
         name='restore'),
    path('<str:backup_id>/restore_files/', restoring.RestoreFiles.as_view(),
         name='restore_files'),
    path('<str:backup_id>/files/', files.Files.as_view(), name='files'),
    path('<str:backup_id>/content/', files.download, name='content'),
]
